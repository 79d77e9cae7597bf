import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { balanced, type Kernel, makeKernel, primesOf, randomRow } from './support.ts';

const LOG_N = 10;
const N = 1 << LOG_N;
const WIDTHS = [20, 24, 30, 36, 40, 44, 47, 48] as const;

const product = (x: number, y: number): bigint => BigInt(x) * BigInt(y);

const put = (kernel: Kernel, rows: readonly ArrayLike<number>[]): number => {
	const address = kernel.allocate(8 * N * rows.length);
	for (const [i, row] of rows.entries()) new Float64Array(kernel.memory.buffer, address + 8 * N * i, N).set(row);
	return address;
};

/** The rows one after another at `address` are, modulo the modulus of each, what `rule` gives; returns how many residues. */
const check = (
	kernel: Kernel,
	address: number,
	moduli: readonly number[],
	rule: (row: number, column: number) => bigint,
): number => {
	for (const [row, q] of moduli.entries())
		for (const [column, value] of kernel.get(address + 8 * N * row, N).entries()) {
			const expected = Number(balanced(rule(row, column), BigInt(q)));
			if (value !== expected) assert.is(value, expected, `modulus ${q}, row ${row}, column ${column}`);
		}
	return N * moduli.length;
};

/** Rows of one modulus: random ones with worst cases among them, or only worst cases. */
const rowsOf = (moduli: readonly number[], seed: number, extreme: number): Float64Array[] =>
	moduli.map((q, i) => randomRow(N, q, 1000 * seed + i, extreme));

test('multiply: all three polynomials, a million residues, worst cases among them', () => {
	let count = 0;
	for (let seed = 0; count < 1_000_000; seed++) {
		const moduli = WIDTHS.map((width, i) => primesOf(width, N, 4)[(seed + i) % 4] ?? 0);
		const primes = moduli.length;
		const kernel = makeKernel(LOG_N, moduli, { megabytes: 4, scratch: 1 });
		const a = rowsOf([...moduli, ...moduli], 2 * seed, seed % 2 === 0 ? 3 : 1);
		const b = rowsOf([...moduli, ...moduli], 2 * seed + 1, seed % 3 === 0 ? 3 : 1);
		const to = kernel.allocate(24 * N * primes);
		kernel.exports.multiply(to, put(kernel, a), put(kernel, b), primes);
		count += check(kernel, to, [...moduli, ...moduli, ...moduli], (row, column) => {
			const of = (rows: readonly Float64Array[], polynomial: number): number =>
				rows[polynomial * primes + (row % primes)]?.[column] ?? Number.NaN;
			const polynomial = Math.floor(row / primes);
			if (polynomial === 0) return product(of(a, 0), of(b, 0));
			if (polynomial === 2) return product(of(a, 1), of(b, 1));
			return product(of(a, 0), of(b, 1)) + product(of(a, 1), of(b, 0));
		});
	}
});

test('square: all three polynomials, a million residues, worst cases among them', () => {
	let count = 0;
	for (let seed = 0; count < 1_000_000; seed++) {
		const moduli = WIDTHS.map((width, i) => primesOf(width, N, 4)[(seed + i) % 4] ?? 0);
		const primes = moduli.length;
		const kernel = makeKernel(LOG_N, moduli, { megabytes: 4, scratch: 1 });
		const a = rowsOf([...moduli, ...moduli], seed, seed % 2 === 0 ? 3 : 1);
		const to = kernel.allocate(24 * N * primes);
		kernel.exports.square(to, put(kernel, a), primes);
		count += check(kernel, to, [...moduli, ...moduli, ...moduli], (row, column) => {
			const of = (polynomial: number): number => a[polynomial * primes + (row % primes)]?.[column] ?? Number.NaN;
			const polynomial = Math.floor(row / primes);
			if (polynomial === 1) return 2n * product(of(0), of(1));
			return product(of(polynomial / 2), of(polynomial / 2));
		});
	}
});

type Sum = {
	readonly width: number;
	readonly terms: readonly (readonly Float64Array[])[];
	readonly plains: readonly (readonly Float64Array[])[];
	readonly polynomials: number;
	readonly primes: number;
	readonly extended: boolean;
};

/** Computes the sum and checks every residue of it. */
const checkSum = (
	moduli: readonly number[],
	{ terms, plains, polynomials, primes, extended }: Omit<Sum, 'width'>,
): number => {
	const rows = primes + Number(extended);
	const megabytes = 3 + Math.ceil((8 * N * rows * (terms.length + 1) * (polynomials + 1)) / 2 ** 20);
	const kernel = makeKernel(LOG_N, moduli, { megabytes, scratch: 1 });
	const list = (operands: readonly (readonly Float64Array[])[]): number =>
		kernel.putAddresses(operands.map((operand) => put(kernel, operand)));
	const to = kernel.allocate(8 * N * polynomials * rows);
	kernel.exports.sumProducts(to, list(terms), list(plains), terms.length, polynomials, primes, Number(extended));
	const order = Array.from({ length: polynomials * rows }, (_, row) =>
		row % rows < primes ? (moduli[row % rows] ?? 0) : (moduli[moduli.length - 1] ?? 0),
	);
	return check(kernel, to, order, (row, column) =>
		terms.reduce(
			(sum, term, k) =>
				sum + product(term[row]?.[column] ?? Number.NaN, plains[k]?.[row % rows]?.[column] ?? Number.NaN),
			0n,
		),
	);
};

/** Random operands for `count` terms. */
const sumOf = (
	moduli: readonly number[],
	count: number,
	polynomials: number,
	primes: number,
	extended: boolean,
	seed: number,
): Omit<Sum, 'width'> => {
	const used = [...moduli.slice(0, primes), ...(extended ? moduli.slice(-1) : [])];
	const operands = (rows: readonly number[], from: number): Float64Array[][] =>
		Array.from({ length: count }, (_, k) => rowsOf(rows, from + k, k % 3 === 0 ? 1 : 5));
	const all = Array.from({ length: polynomials }, () => used).flat();
	return { terms: operands(all, seed), plains: operands(used, seed + 500), polynomials, primes, extended };
};

test('sumProducts: numbers of terms around every limit, extended and not, at every width', () => {
	let products = 0;
	for (const [i, count] of [1, 2, 3, 4, 5, 7, 8, 23, 24, 25, 28, 47, 48, 49, 53].entries()) {
		const moduli = [WIDTHS[i % WIDTHS.length] ?? 48, 48, 47].flatMap((width, k) =>
			primesOf(width, N, 3).slice(k, k + 1),
		);
		const [polynomials, primes, extended] = [
			[2, 2, true],
			[3, 2, false],
			[2, 1, true],
			[1, 3, false],
		][i % 4] as [number, number, boolean];
		products += count * checkSum(moduli, sumOf(moduli, count, polynomials, primes, extended, i));
	}
	assert.ok(products >= 1_000_000, `${products}`);
});

test('sumProducts: a million residues', () => {
	let count = 0;
	const moduli = WIDTHS.flatMap((width) => primesOf(width, N));
	for (let seed = 0; count < 1_000_000; seed++)
		count += checkSum(moduli, sumOf(moduli, 1 + (seed % 6), 2, moduli.length, false, seed));
});

test('sumProducts: all products at their greatest, of one sign, alternating or random, 60 of them', () => {
	for (const width of WIDTHS) {
		const [q = 0] = primesOf(width, N);
		const half = (q - 1) / 2;
		const signs: readonly ((k: number, column: number) => number)[] = [
			() => 1,
			() => -1,
			(k) => (k % 2 === 0 ? 1 : -1),
			(k, column) => ((k * 7 + column * 13) % 11 < 5 ? 1 : -1),
		];
		for (const sign of signs) {
			const terms = Array.from({ length: 60 }, (_, k) => [
				Float64Array.from({ length: N }, (__, column) => sign(k, column) * (half - ((31 * column + 17 * k) % 97))),
			]);
			const plains = Array.from({ length: 60 }, (_, k) => [
				Float64Array.from({ length: N }, (__, column) => half - ((13 * column + 11 * k) % 89)),
			]);
			checkSum([q], { terms, plains, polynomials: 1, primes: 1, extended: false });
		}
	}
});

test('sumProducts: any products of any residues', () => {
	const [q = 0] = primesOf(48, N);
	const residue = fc.oneof(
		fc.integer({ min: -(q - 1) / 2, max: (q - 1) / 2 }),
		fc.constantFrom((q - 1) / 2, (1 - q) / 2, 0, 1, -1),
	);
	fc.assert(
		fc.property(fc.array(fc.tuple(residue, residue), { minLength: 1, maxLength: 60 }), (pairs) => {
			const row = (value: number): readonly Float64Array[] => [new Float64Array(N).fill(value)];
			const terms = pairs.map(([x]) => row(x));
			const plains = pairs.map(([, y]) => row(y));
			checkSum([q], { terms, plains, polynomials: 1, primes: 1, extended: false });
		}),
		{ numRuns: 20 },
	);
});

test('sumProducts of one term may write to the term', () => {
	const moduli = primesOf(48, N, 2);
	const kernel = makeKernel(LOG_N, moduli, { megabytes: 4, scratch: 1 });
	const [x = new Float64Array(), y = new Float64Array()] = rowsOf([moduli[0] ?? 0, moduli[0] ?? 0], 1, 3);
	const term = put(kernel, [x]);
	kernel.exports.sumProducts(term, kernel.putAddresses([term]), kernel.putAddresses([put(kernel, [y])]), 1, 1, 1, 0);
	check(kernel, term, moduli.slice(0, 1), (_, column) => product(x[column] ?? 0, y[column] ?? 0));
});

test.run();
