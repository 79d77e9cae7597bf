/**
 * Measures what each operation of the seal backend costs, by ring degree and number of primes, and writes the table that the
 * compiler predicts times with (compiler/ckks/costTable.ts).
 *
 * Of everything several rounds are made and little counts that other load on the machine adds. A round goes around all operations,
 * so that each finds its operands as cold as in a real evaluation. To every operation
 * belongs a polynomial in the number of primes, fitted with the least relative error; nothing is written when one does not fit.
 *
 * npm run calibrate-costs [-- rounds]
 */
import { writeFileSync } from 'node:fs';
import { modulusLimit } from '../compiler/ckks/security.ts';
import { loadSeal } from '../runtime/seal/module.ts';
import { fit } from './fit.ts';
import {
	levelWork,
	type Measured,
	measure,
	open,
	PRIME_BITS,
	parametersOf,
	setUpTime,
	wholeWork,
} from './operations.ts';

const RING_DEGREES = [4096, 8192, 16384, 32768];
const MOST_PRIMES = 12;
/** The largest relative difference between a measurement and the fit. */
const TOLERANCE = 0.3;
const rounds = Number(process.argv[2] ?? 8);

const mostPrimes = (ringDegree: number): number =>
	Math.min(MOST_PRIMES, Math.floor(modulusLimit(ringDegree, 128) / PRIME_BITS) - 1);

/** At most seven of the numbers 1..count, denser where they are small. */
const someOf = (count: number): readonly number[] => [1, 2, 3, 4, 6, 8].filter((p) => p < count).concat(count);

const measureRing = async (ringDegree: number): Promise<readonly Measured[]> => {
	const count = mostPrimes(ringDegree);
	const points: Measured[] = [];
	for (const size of new Set([count, Math.ceil(count / 2), Math.ceil(count / 3)])) {
		const parameters = parametersOf(ringDegree, size);
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

const rows: string[] = [];
let worst = 0;
for (const ringDegree of RING_DEGREES) {
	const points = await measureRing(ringDegree);
	const operations = [...new Set(points.map(({ operation }) => operation))].sort();
	const cells = operations.map((operation) => {
		const own = points.filter((point) => point.operation === operation);
		const { coefficients, residual } = fit(own);
		worst = Math.max(worst, residual);
		console.log(
			`${ringDegree} ${operation}: ${coefficients.join(' + ')} p^k, ${own.map(({ p, milliseconds }) => `${p}: ${milliseconds.toFixed(3)}`).join(', ')} ms, off by ${(100 * residual).toFixed(0)} %`,
		);
		return `\t\t${operation}: [${coefficients.join(', ')}],`;
	});
	rows.push(`\t[\n\t\t${ringDegree},\n\t\t{\n${cells.map((cell) => `\t${cell}`).join('\n')}\n\t\t},\n\t],`);
}
if (!(worst <= TOLERANCE)) {
	console.error(
		`A measurement is ${(100 * worst).toFixed(0)} % off its fit: nothing is written. Try again on a quieter machine.`,
	);
	process.exitCode = 1;
} else
	writeFileSync(
		new URL('../compiler/ckks/costTable.ts', import.meta.url),
		`import type { OperationCosts } from './cost.ts';

/** Written by \`npm run calibrate-costs\`: by ring degree and operation of the seal backend, c in c0 + c1 p + c2 p^2 milliseconds. */
export const SEAL_COSTS: ReadonlyMap<number, OperationCosts> = new Map([
${rows.join('\n')}
]);
`,
	);
