import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { balanced, type Kernel, makeKernel, powerModulo, primesOf, randomRow, randomWords } from './support.ts';

const WIDTHS = [20, 28, 36, 44, 47, 48] as const;

const reversed = (value: number, bits: number): number =>
	Number.parseInt(value.toString(2).padStart(bits, '0').split('').reverse().join(''), 2);

const canonical = (x: bigint, q: bigint): bigint => ((x % q) + q) % q;

/** All primitive roots of order 2N are odd powers of any: the least of them. */
const leastRoot = (ringDegree: number, q: bigint): bigint => {
	const degree = BigInt(ringDegree);
	const roots = Array.from({ length: 100 }, (_, base) => powerModulo(BigInt(base + 2), (q - 1n) / (2n * degree), q));
	let root = roots.find((r) => powerModulo(r, degree, q) === q - 1n) ?? 0n;
	const square = (root * root) % q;
	let least = root;
	for (let k = 1; k < ringDegree; k++) {
		root = (root * square) % q;
		if (root < least) least = root;
	}
	return least;
};

/** The definition: a(psi^(2 bitrev(index) + 1)), by Horner's rule. */
const valueAt = (a: ArrayLike<number>, psi: bigint, index: number, q: bigint): bigint => {
	const point = powerModulo(psi, BigInt(2 * reversed(index, Math.log2(a.length)) + 1), q);
	let sum = 0n;
	for (let k = a.length - 1; k >= 0; k--) sum = (sum * point + BigInt(a[k] ?? 0)) % q;
	return balanced(sum, q);
};

/**
 * a(psi^(2 i + 1)) for all i in order: a(x) = e(x^2) + x o(x^2), and the points of e and o are those of psi^2. `powers` are those of
 * the least root; `step` is which power of it psi is.
 */
const valuesOf = (a: readonly bigint[], powers: readonly bigint[], step: number, q: bigint): bigint[] => {
	if (a.length === 1) return [...a];
	const even = valuesOf(
		a.filter((_, i) => i % 2 === 0),
		powers,
		2 * step,
		q,
	);
	const odd = valuesOf(
		a.filter((_, i) => i % 2 === 1),
		powers,
		2 * step,
		q,
	);
	const products = odd.map((o, i) => (o * (powers[(2 * i + 1) * step] ?? 0n)) % q);
	const sums = even.map((e, i) => e + (products[i] ?? 0n));
	return [...sums, ...even.map((e, i) => e - (products[i] ?? 0n))];
};

type Reference = (a: ArrayLike<number>) => Float64Array;

/** The whole transform by the recursion. */
const referenceOf = (ringDegree: number, modulus: number): Reference => {
	const q = BigInt(modulus);
	const psi = leastRoot(ringDegree, q);
	const powers = [1n];
	for (let k = 1; k < ringDegree; k++) powers.push(((powers[k - 1] ?? 0n) * psi) % q);
	const order = Array.from({ length: ringDegree }, (_, i) => reversed(i, Math.log2(ringDegree)));
	return (a) => {
		const values = valuesOf(Array.from(a, BigInt), powers, 1, q);
		return Float64Array.from(order, (i) => Number(balanced(values[i] ?? 0n, q)));
	};
};

const forward = (
	{ exports, memory, ringDegree }: Kernel,
	row: number,
	a: ArrayLike<number>,
	modulus: number,
): Float64Array => {
	const view = new Float64Array(memory.buffer, row, ringDegree);
	view.set(a);
	exports.transform(row, modulus);
	return view.slice();
};

const back = (
	{ exports, memory, ringDegree }: Kernel,
	row: number,
	a: ArrayLike<number>,
	modulus: number,
): Float64Array => {
	const view = new Float64Array(memory.buffer, row, ringDegree);
	view.set(a);
	exports.inverseTransform(row, modulus);
	return view.slice();
};

/** -0 and 0 are the same residue. */
const same = (a: ArrayLike<number>, b: ArrayLike<number>): boolean =>
	a.length === b.length && Array.prototype.every.call(a, (x: number, i: number) => x === b[i]);

/** Rows that drive the numbers of butterflies to their ends: every sign pattern of period 1, 2, 4, ... at one magnitude. */
const patterns = (length: number, magnitude: number): Float64Array[] =>
	Array.from({ length: Math.log2(length) + 1 }, (_, bit) =>
		Float64Array.from({ length }, (__, i) => ((i >> bit) & 1 ? -magnitude : magnitude)),
	);

for (const logN of [10, 11]) {
	test(`both transforms follow the definition for N = ${1 << logN}, which takes ${logN % 2 === 0 ? 2 : 3} levels at the end`, () => {
		const ringDegree = 1 << logN;
		for (const width of WIDTHS) {
			const [q = 0] = primesOf(width, ringDegree);
			const kernel = makeKernel(logN, [q], { megabytes: 4, scratch: 1 });
			const row = kernel.allocate(8 * ringDegree);
			const psi = leastRoot(ringDegree, BigInt(q));
			const a = randomRow(ringDegree, q, width, 4);
			const values = forward(kernel, row, a, 0);
			for (let index = 0; index < ringDegree; index += 37)
				assert.is(BigInt(values[index] ?? 0), valueAt(a, psi, index, BigInt(q)), `${width} bits, index ${index}`);
			assert.ok(same(back(kernel, row, values, 0), a));
		}
	});
}

for (const logN of [13, 14, 15]) {
	test(`N = ${1 << logN}: values at random places follow the definition, and the way back gives the coefficients`, () => {
		const ringDegree = 1 << logN;
		const moduli = [48, 40, 24].flatMap((width) => primesOf(width, ringDegree));
		const kernel = makeKernel(logN, moduli, { megabytes: 8, scratch: 1 });
		const row = kernel.allocate(8 * ringDegree);
		const word = randomWords(logN);
		for (const [modulus, q] of moduli.entries()) {
			const psi = leastRoot(ringDegree, BigInt(q));
			const a = randomRow(ringDegree, q, modulus);
			const values = forward(kernel, row, a, modulus);
			for (const index of [0, 1, ringDegree - 1, word() % ringDegree, word() % ringDegree, word() % ringDegree])
				assert.is(BigInt(values[index] ?? 0), valueAt(a, psi, index, BigInt(q)), `index ${index}`);
			assert.ok(same(back(kernel, row, values, modulus), a));
		}
	});
}

test('a million values and a million coefficients are what exact arithmetic gives, worst cases among them', () => {
	let values = 0;
	const check = (logN: number, width: number, rows: number): void => {
		const ringDegree = 1 << logN;
		const [q = 0] = primesOf(width, ringDegree);
		const kernel = makeKernel(logN, [q], { megabytes: 4, scratch: 1 });
		const row = kernel.allocate(8 * ringDegree);
		const reference = referenceOf(ringDegree, q);
		const half = (q - 1) / 2;
		const random = Array.from({ length: rows }, (_, i) =>
			randomRow(ringDegree, q, 100 * width + i, i % 2 === 0 ? 2 : 50),
		);
		for (const a of [...patterns(ringDegree, half), ...random]) {
			const expected = reference(a);
			assert.ok(same(forward(kernel, row, a, 0), expected), `N = ${ringDegree}, ${width} bits`);
			assert.ok(same(back(kernel, row, expected, 0), a), `back, N = ${ringDegree}, ${width} bits`);
			values += ringDegree;
		}
	};
	for (const width of WIDTHS) check(10, width, 60);
	check(12, 48, 40);
	check(13, 48, 30);
	check(13, 36, 4);
	assert.ok(values >= 1_000_000, `${values}`);
});

test('coefficients may be as large as 2^50, whatever the modulus', () => {
	for (const [logN, width] of [
		[10, 20],
		[10, 48],
		[11, 36],
		[12, 20],
		[12, 48],
	] as const) {
		const ringDegree = 1 << logN;
		const [q = 0] = primesOf(width, ringDegree);
		const kernel = makeKernel(logN, [q], { megabytes: 4, scratch: 1 });
		const row = kernel.allocate(8 * ringDegree);
		const reference = referenceOf(ringDegree, q);
		const word = randomWords(width);
		const wide = Float64Array.from(
			{ length: ringDegree },
			() => (word() % 2 === 0 ? -1 : 1) * (2 ** 50 - (word() % 3)),
		);
		for (const a of [...patterns(ringDegree, 2 ** 50), wide])
			assert.ok(same(forward(kernel, row, a, 0), reference(a)), `N = ${ringDegree}, ${width} bits`);
	}
});

test('the way back takes residues that are not balanced, up to q', () => {
	for (const [logN, width] of [
		[10, 20],
		[10, 48],
		[11, 48],
		[12, 48],
		[13, 48],
	] as const) {
		const ringDegree = 1 << logN;
		const [q = 0] = primesOf(width, ringDegree);
		const kernel = makeKernel(logN, [q], { megabytes: 4, scratch: 1 });
		const row = kernel.allocate(8 * ringDegree);
		for (const a of [
			...patterns(ringDegree, q),
			...patterns(ringDegree, q - 1),
			randomRow(ringDegree, 2 * q - 1, width, 3),
		]) {
			const residues = Float64Array.from(a, (x) => Number(balanced(BigInt(x), BigInt(q))));
			assert.ok(same(back(kernel, row, a, 0), back(kernel, row, residues, 0)), `N = ${ringDegree}, ${width} bits`);
		}
	}
});

test('the product of transforms is the product modulo X^N + 1', () => {
	const ringDegree = 1 << 10;
	const [prime = 0] = primesOf(48, ringDegree);
	const q = BigInt(prime);
	const kernel = makeKernel(10, [prime], { megabytes: 4, scratch: 1 });
	const [row, other] = [kernel.allocate(8 * ringDegree), kernel.allocate(8 * ringDegree)];
	const exponent = fc.integer({ min: 0, max: ringDegree - 1 });
	const factor = fc.integer({ min: -(prime - 1) / 2, max: (prime - 1) / 2 });
	fc.assert(
		fc.property(exponent, exponent, factor, factor, (i, j, x, y) => {
			const monomial = (k: number, c: number): Float64Array =>
				Float64Array.from({ length: ringDegree }, (_, at) => (at === k ? c : 0));
			const a = forward(kernel, row, monomial(i, x), 0);
			const b = forward(kernel, other, monomial(j, y), 0);
			const products = Array.from(a, (value, at) => Number(balanced(BigInt(value) * BigInt(b[at] ?? 0), q)));
			const sign = i + j >= ringDegree ? -1n : 1n;
			const product = Number(balanced(sign * BigInt(x) * BigInt(y), q));
			return same(back(kernel, row, products, 0), monomial((i + j) % ringDegree, product));
		}),
		{ numRuns: 50 },
	);
});

test('the roots are of the least primitive root, as SEAL takes it', () => {
	for (const width of WIDTHS) {
		const ringDegree = 1024;
		const [q = 0] = primesOf(width, ringDegree);
		const kernel = makeKernel(10, [q], { megabytes: 4, scratch: 1 });
		const row = kernel.allocate(8 * ringDegree);
		const x = forward(
			kernel,
			row,
			Float64Array.from({ length: ringDegree }, (_, i) => (i === 1 ? 1 : 0)),
			0,
		);
		const roots = Array.from(x, (value) => canonical(BigInt(value), BigInt(q)));
		const least = roots.reduce((a, b) => (a < b ? a : b));
		assert.is(roots[0], least);
		assert.is(new Set(roots).size, ringDegree);
		assert.ok(roots.every((root) => powerModulo(root, BigInt(ringDegree), BigInt(q)) === BigInt(q) - 1n));
	}
});

test('multiply-add is fused here', () => {
	assert.is(makeKernel(10, primesOf(20, 1024), { megabytes: 4, scratch: 1 }).exports.isFused(), 1);
});

test.run();
