/**
 * Measures what each operation of the backends costs, by ring degree and number of primes, and writes the tables that the
 * compiler predicts times with (compiler/ckks/costTable.ts).
 *
 * Of everything several rounds are made and little counts that other load on the machine adds. A round goes around all operations,
 * so that each finds its operands as cold as in a real evaluation. To every operation
 * belongs a polynomial in the number of primes, fitted with the least relative error; nothing is written when one does not fit.
 *
 * npm run calibrate-costs [-- kernel|seal|both [rounds]]
 */
import { writeFileSync } from 'node:fs';
import { KERNEL_COSTS, SEAL_COSTS } from '../compiler/ckks/costTable.ts';
import { modulusLimit } from '../compiler/ckks/security.ts';
import { loadSeal } from '../runtime/seal/module.ts';
import { fit } from './fit.ts';
import { kernelSetUp, kernelWork, openKernel } from './kernelOperations.ts';
import { levelWork, open, parametersOf, setUpTime, wholeWork } from './operations.ts';
import { type Measured, measure } from './rounds.ts';

const RING_DEGREES = [4096, 8192, 16384, 32768];
const MOST_PRIMES = 12;
/** Bits of a prime: times depend on the number of primes, hardly on their size. SEAL holds as many small ones as are secure. */
const PRIME_BITS = { seal: 26, kernel: 40 };
/** The largest relative difference between a measurement and the fit. */
const TOLERANCE = 0.3;
const [which = 'both', roundsText = '8'] = process.argv.slice(2);
const rounds = Number(roundsText);
if (!['kernel', 'seal', 'both'].includes(which) || !(rounds >= 1))
	throw new Error('Give kernel, seal or both, and how many rounds.');

const mostPrimes = (ringDegree: number): number =>
	Math.min(MOST_PRIMES, Math.floor(modulusLimit(ringDegree, 128) / PRIME_BITS.seal) - 1);

/** At most seven of the numbers 1..count, denser where they are small. */
const someOf = (count: number): readonly number[] => [1, 2, 3, 4, 6, 8].filter((p) => p < count).concat(count);

const measureSeal = async (ringDegree: number): Promise<readonly Measured<string>[]> => {
	const count = mostPrimes(ringDegree);
	const points: Measured<string>[] = [];
	for (const size of new Set([count, Math.ceil(count / 2), Math.ceil(count / 3)])) {
		const parameters = parametersOf(ringDegree, size, PRIME_BITS.seal);
		const setUp = setUpTime(await loadSeal(), parameters);
		points.push({ operation: 'setUp', p: size, milliseconds: setUp });
		const opened = await open(parameters);
		const levels = size === count ? someOf(count).map((p) => levelWork(opened, p)) : [];
		points.push(...(await measure([...levels.flatMap(({ works }) => works), ...wholeWork(opened)], rounds)));
		for (const { dispose } of levels) dispose();
		opened.close();
	}
	return points;
};

/** The kernel knows no limit on the modulus: as many primes are measured, of the size that programs have. */
const measureKernel = async (ringDegree: number): Promise<readonly Measured<string>[]> => {
	const count = mostPrimes(ringDegree);
	const bench = await openKernel(parametersOf(ringDegree, count, PRIME_BITS.kernel));
	return measure(
		someOf(count).flatMap((p) => [...kernelWork(bench, p), kernelSetUp(bench, p)]),
		rounds,
	);
};

const BACKENDS = {
	seal: { measured: measureSeal, known: SEAL_COSTS, type: 'SealCosts' },
	kernel: { measured: measureKernel, known: KERNEL_COSTS, type: 'KernelCosts' },
};

let worst = 0;
const cellsOf = (ringDegree: number, points: readonly Measured<string>[]): readonly string[] =>
	[...new Set(points.map(({ operation }) => operation))].sort().map((operation) => {
		const own = points.filter((point) => point.operation === operation);
		const { coefficients, residual } = fit(own);
		worst = Math.max(worst, residual);
		console.log(
			`${ringDegree} ${operation}: ${coefficients.join(' + ')} p^k, ${own.map(({ p, milliseconds }) => `${p}: ${milliseconds.toFixed(3)}`).join(', ')} ms, off by ${(100 * residual).toFixed(0)} %`,
		);
		return `\t\t${operation}: [${coefficients.join(', ')}],`;
	});

/** The cells of every ring degree: measured, or as they are. */
const tableOf = async (backend: keyof typeof BACKENDS): Promise<string> => {
	const { measured, known, type } = BACKENDS[backend];
	const rows: string[] = [];
	for (const ringDegree of RING_DEGREES) {
		const cells =
			which === 'both' || which === backend
				? cellsOf(ringDegree, await measured(ringDegree))
				: Object.entries(known.get(ringDegree) ?? {}).map(([operation, c]) => `\t\t${operation}: [${c.join(', ')}],`);
		rows.push(`\t[\n\t\t${ringDegree},\n\t\t{\n${cells.map((cell) => `\t${cell}`).join('\n')}\n\t\t},\n\t],`);
	}
	return `export const ${backend.toUpperCase()}_COSTS: ReadonlyMap<number, ${type}> = new Map([\n${rows.join('\n')}\n]);\n`;
};

const tables = [await tableOf('seal'), await tableOf('kernel')];
if (!(worst <= TOLERANCE)) {
	console.error(
		`A measurement is ${(100 * worst).toFixed(0)} % off its fit: nothing is written. Try again on a quieter machine.`,
	);
	process.exitCode = 1;
} else
	writeFileSync(
		new URL('../compiler/ckks/costTable.ts', import.meta.url),
		`import type { KernelCosts } from './kernelCosts.ts';
import type { SealCosts } from './sealCosts.ts';

/** Written by \`npm run calibrate-costs\`: by ring degree and operation, c in c0 + c1 p + c2 p^2 milliseconds. */
${tables.join('\n')}`,
	);
