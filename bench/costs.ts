/**
 * Measures what each operation of the seal backend costs, by ring degree and number of primes, and writes the table that the
 * compiler predicts times with (compiler/ckks/costTable.ts). The shortest of many repetitions counts: other load on the machine
 * only ever adds.
 *
 * npm run calibrate-costs [-- repetitions]
 */
import { writeFileSync } from 'node:fs';
import { primeBelow } from '../compiler/ckks/primes.ts';
import { modulusLimit } from '../compiler/ckks/security.ts';
import { SealBackend } from '../runtime/backends/seal.ts';
import { SealKeyOwner } from '../runtime/backends/sealKeys.ts';
import type { CkksParameters } from '../runtime/plan.ts';
import { loadSeeded, type SealCiphertext } from '../runtime/seal/ciphertext.ts';
import { SealContext } from '../runtime/seal/context.ts';
import { EvaluationKeys } from '../runtime/seal/keys.ts';
import { loadSeal } from '../runtime/seal/module.ts';
import { keySlots } from '../runtime/sizes.ts';

const RING_DEGREES = [4096, 8192, 16384, 32768];
const SCALE = 2 ** 20;
const KEYS = { relinearization: true, steps: [1] };
const repetitions = Number(process.argv[2] ?? 15);

/** As many primes of 30 bits as 128-bit security allows, at most 13: their size does not matter to SEAL, their number does. */
const parametersOf = (ringDegree: number): CkksParameters => {
	const bits = 30;
	const count = Math.min(14, Math.floor(modulusLimit(ringDegree, 128) / bits));
	const primes: number[] = [];
	for (let k = 0; k < count; k++) primes.push(primeBelow(bits, ringDegree, new Set(primes)) ?? Number.NaN);
	return { ringDegree, primes: primes.slice(1), specialPrime: primes[0] as number, security: 128 };
};

const shortest = (
	work: () => { readonly object: unknown } | undefined,
	dispose: (result: SealCiphertext) => void,
): number => {
	let best = Number.POSITIVE_INFINITY;
	for (let k = 0; k < repetitions; k++) {
		const start = performance.now();
		const result = work();
		best = Math.min(best, performance.now() - start);
		if (result !== undefined) dispose(result as SealCiphertext);
	}
	return best;
};

/** y = slope x through the origin, by least squares on relative errors. */
const slope = (points: readonly (readonly [x: number, y: number])[]): number =>
	points.reduce((sum, [x, y]) => sum + x / y, 0) / points.reduce((sum, [x, y]) => sum + (x / y) ** 2, 0);

const module = await loadSeal();
const table: Record<string, Record<string, number>> = {};
for (const ringDegree of RING_DEGREES) {
	const parameters = parametersOf(ringDegree);
	const context = new SealContext(module, parameters, KEYS);
	const owner = new SealKeyOwner(context);
	const bytes = keySlots(KEYS).map((slot) => owner.evaluationKey(slot));
	const keys = await EvaluationKeys.load(context, KEYS, bytes, {});
	const backend = new SealBackend(context, keys);
	const dispose = (c: SealCiphertext): void => backend.dispose(c);
	const values = Float64Array.from({ length: ringDegree / 2 }, (_, t) => Math.sin(t));
	const times = new Map<string, (readonly [number, number])[]>();
	const note = (kind: string, x: number, work: () => SealCiphertext): void => {
		times.set(kind, [...(times.get(kind) ?? []), [x, shortest(work, dispose)]]);
	};
	for (
		let level = parameters.primes.length - 1;
		level >= 0;
		level -= Math.max(1, Math.floor(parameters.primes.length / 4))
	) {
		const primes = level + 1;
		const a = loadSeeded(context, owner.encrypt(values, level, SCALE), level, SCALE, 'a sample');
		const plain = backend.encode(values, level, SCALE);
		const square = level > 0 ? backend.multiply(a, a) : undefined;
		note('rotate', primes * (primes + 2), () => backend.rotate(a, 1));
		note('add', primes, () => backend.add(a, a));
		note('addPlain', primes, () => backend.addPlain(a, plain));
		if (square !== undefined) {
			note('multiplyPlain', primes, () => backend.multiplyPlain(a, plain));
			note('multiply', primes, () => backend.multiply(a, a));
			note('relinearize', primes * (primes + 2), () => backend.relinearize(square));
			const product = backend.relinearize(square);
			note('rescale', primes, () => backend.rescale(product));
			dispose(product);
			dispose(square);
		}
		backend.disposePlain(plain);
		dispose(a);
	}
	table[ringDegree] = Object.fromEntries(
		[...times].map(([kind, points]) => [kind, Number(slope(points).toPrecision(3))]),
	);
	console.log(ringDegree, table[ringDegree]);
	keys.dispose();
	owner.dispose();
	context.dispose();
}

const rows = Object.entries(table).map(
	([ringDegree, costs]) =>
		`\t[${ringDegree}, { ${Object.entries(costs)
			.map(([kind, cost]) => `${kind}: ${cost}`)
			.join(', ')} }],`,
);
writeFileSync(
	new URL('../compiler/ckks/costTable.ts', import.meta.url),
	`/** Written by \`npm run calibrate-costs\`: milliseconds by ring degree, per p(p + 2) for key switching and per p else, p primes. */
export const SEAL_COSTS: ReadonlyMap<number, SealCosts> = new Map([
${rows.join('\n')}
]);

export type SealCosts = {
${Object.keys(table[8192] ?? {})
	.map((kind) => `\treadonly ${kind}: number;`)
	.join('\n')}
};
`,
);
