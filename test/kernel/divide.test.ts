import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { coefficientsOf, getRows, integersOf, moduliAt, putRows, type Rows, randomRows } from './residues.ts';
import { balanced, type Kernel, makeKernel, primesOf, randomRow } from './support.ts';

const LOG_N = 10;
const N = 1 << LOG_N;

/** Just below powers of two of 20 to 48 bits, largest and smallest in different places; P last. */
const chains: readonly (readonly number[])[] = [
	primesOf(48, N, 5),
	[...primesOf(24, N, 2), ...primesOf(40, N, 1), ...primesOf(20, N, 1), ...primesOf(48, N, 1)],
	[...primesOf(48, N, 2), ...primesOf(30, N, 1), ...primesOf(22, N, 1)],
];

/** The integer nearest to x / d, for an odd d. */
const nearest = (x: bigint, d: bigint): bigint => {
	const twice = 2n * x + d;
	const quotient = twice / (2n * d);
	return twice < 0n && quotient * 2n * d !== twice ? quotient - 1n : quotient;
};

/** The coefficients of each polynomial of rows that are in the memory, one array for each modulus. */
const coefficients = (kernel: Kernel, rows: Rows, moduli: readonly number[]): Rows[] => {
	const room = kernel.allocate(8 * N);
	return Array.from({ length: rows.length / moduli.length }, (_, c) =>
		moduli.map((m, i) => coefficientsOf(kernel, rows[c * moduli.length + i] as Float64Array, m, room)),
	);
};

type Division = {
	readonly name: string;
	readonly polynomials: readonly number[];
	readonly extended: boolean;
	/** How many of the primes are left. */
	readonly left: (primes: number) => number;
	readonly call: (kernel: Kernel, to: number, a: number, polynomials: number, primes: number) => void;
};

const divisions: readonly Division[] = [
	{
		name: 'modDown',
		polynomials: [2],
		extended: true,
		left: (primes) => primes,
		call: ({ exports }, to, a, _, primes) => exports.modDown(to, a, primes),
	},
	{
		name: 'rescale',
		polynomials: [2, 3],
		extended: false,
		left: (primes) => primes - 1,
		call: ({ exports }, to, a, polynomials, primes) => exports.rescale(to, a, polynomials, primes, 0),
	},
	{
		name: 'rescale of an extended ciphertext',
		polynomials: [2],
		extended: true,
		left: (primes) => primes - 1,
		call: ({ exports }, to, a, polynomials, primes) => exports.rescale(to, a, polynomials, primes, 1),
	},
];

/** Checks every residue of one division against the integers that the rows stand for; returns how many there were. */
const checkDivision = (division: Division, kernel: Kernel, primes: number, polynomials: number, rows: Rows): number => {
	const { left, extended, call, name } = division;
	const moduli = moduliAt(kernel, primes, extended);
	const kept = moduliAt(kernel, left(primes), false);
	const values = moduli.map((m) => kernel.moduli[m] as number);
	const divisor = values.slice(kept.length).reduce((d, q) => d * BigInt(q), 1n);
	const a = putRows(kernel, rows);
	const to = kernel.allocate(8 * N * polynomials * kept.length);
	call(kernel, to, a, polynomials, primes);
	const results = coefficients(kernel, getRows(kernel, to, polynomials * kept.length), kept);
	coefficients(kernel, rows, moduli).forEach((residues, c) => {
		const expected = integersOf(residues, values).map((x) => nearest(x, divisor));
		for (const [i, m] of kept.entries()) {
			const q = BigInt(kernel.moduli[m] as number);
			const row = results[c]?.[i] as Float64Array;
			const wrong = expected.findIndex((y, k) => Number(balanced(y, q)) !== row[k]);
			assert.is(wrong, -1, `${name}, ${primes} primes, polynomial ${c}, modulus ${m}: coefficient ${wrong}`);
		}
	});
	// Written over its operand, in another order of memory, it is the same.
	call(kernel, a, a, polynomials, primes);
	assert.equal(getRows(kernel, a, polynomials * kept.length), getRows(kernel, to, polynomials * kept.length));
	return polynomials * kept.length * N;
};

/** Rows of which every coefficient is at one end of its range, and the residue of the divisor too. */
const extremeRows = (kernel: Kernel, moduli: readonly number[], polynomials: number): Rows =>
	Array.from({ length: polynomials }, (_, c) =>
		moduli.map((m, i) =>
			new Float64Array(N).fill((((c + i) % 2 === 0 ? 1 : -1) * ((kernel.moduli[m] as number) - 1)) / 2),
		),
	).flat();

for (const division of divisions)
	test(`${division.name} gives the nearest integer, for a million residues and worst cases`, () => {
		let checked = 0;
		for (let round = 0; checked < 1_000_000; round++)
			for (const chain of chains) {
				const kernel = makeKernel(LOG_N, chain);
				for (let primes = 2 - (division.name === 'modDown' ? 1 : 0); primes < chain.length; primes++)
					for (const polynomials of division.polynomials) {
						const moduli = moduliAt(kernel, primes, division.extended);
						const rows =
							round === 0
								? extremeRows(kernel, moduli, polynomials)
								: randomRows(kernel, moduli, polynomials, 7 * round + primes);
						checked += checkDivision(division, kernel, primes, polynomials, rows);
					}
			}
	});

test('coefficients half a unit from the middle between two integers are rounded to the nearer one', () => {
	const chain = chains[0] as readonly number[];
	const kernel = makeKernel(LOG_N, chain);
	const p = chain.at(-1) as number;
	const room = kernel.allocate(8 * N);
	// x = (P - 1) / 2 + {0, 1} in turn, everywhere: 0 and 1.
	const moduli = moduliAt(kernel, 2, true);
	const x = Float64Array.from({ length: N }, (_, k) => (p - 1) / 2 + (k % 2));
	const rows = moduli.map((m) => {
		new Float64Array(kernel.memory.buffer, room, N).set(x);
		kernel.exports.transform(room, m);
		return kernel.get(room);
	});
	const a = putRows(kernel, [...rows, ...rows]);
	kernel.exports.modDown(a, a, 2);
	const [first] = coefficients(kernel, getRows(kernel, a, 4), [0, 1]);
	for (const row of first ?? [])
		assert.equal(
			row,
			Float64Array.from({ length: N }, (_, k) => k % 2),
		);
});

test('an extended ciphertext is rescaled as if it were divided by P first', () => {
	for (const chain of chains) {
		const kernel = makeKernel(LOG_N, chain);
		for (let primes = 2; primes < chain.length; primes++) {
			const rows = randomRows(kernel, moduliAt(kernel, primes, true), 2, primes);
			const [once, twice] = [putRows(kernel, rows), putRows(kernel, rows)];
			kernel.exports.rescale(once, once, 2, primes, 1);
			kernel.exports.modDown(twice, twice, primes);
			kernel.exports.rescale(twice, twice, 2, primes, 0);
			assert.equal(getRows(kernel, once, 2 * primes - 2), getRows(kernel, twice, 2 * primes - 2));
		}
	}
});

test('a multiple of P is divided without a rest', () => {
	const chain = chains[2] as readonly number[];
	const kernel = makeKernel(LOG_N, chain);
	const p = BigInt(chain.at(-1) as number);
	const y = randomRow(N, chain[1] as number, 5);
	const moduli = moduliAt(kernel, 2, true);
	const rows = moduli.map((m) => {
		const q = BigInt(chain[m] as number);
		return Float64Array.from(y, (value) => Number(balanced(BigInt(value) * p, q)));
	});
	const a = putRows(kernel, [...rows, ...rows]);
	kernel.exports.modDown(a, a, 2);
	assert.equal(
		getRows(kernel, a, 2),
		[0, 1].map((m) => Float64Array.from(y, (value) => Number(balanced(BigInt(value), BigInt(chain[m] as number))))),
	);
});

test.run();
