import { CIPHERTEXT_HEADER } from '../../runtime/sizes.ts';
import { balanced, type Kernel, powerModulo, randomRow } from './support.ts';

/**
 * Polynomials for the tests of division and key switching: rows of residues in a kernel's memory, and what they mean as
 * integers. Coefficients are read by the kernel's own inverse transform, which other tests check.
 */
export type Rows = readonly Float64Array[];

/** The numbers of the moduli of `primes` primes, and of P behind them. */
export const moduliAt = ({ moduli }: Kernel, primes: number, extended: boolean): readonly number[] => [
	...Array.from({ length: primes }, (_, i) => i),
	...(extended ? [moduli.length - 1] : []),
];

/** Random rows with worst cases among them, for each polynomial one after another. */
export const randomRows = (kernel: Kernel, moduli: readonly number[], polynomials: number, seed: number): Rows =>
	Array.from({ length: polynomials }, (_, c) =>
		moduli.map((m, i) => randomRow(kernel.ringDegree, kernel.moduli[m] as number, 1000 * seed + 50 * c + i)),
	).flat();

/** Rows in a place of their own in the memory. */
export const putRows = (kernel: Kernel, rows: Rows): number => {
	const address = kernel.allocate(8 * kernel.ringDegree * rows.length);
	rows.forEach((row, i) => {
		new Float64Array(kernel.memory.buffer, address + 8 * kernel.ringDegree * i, row.length).set(row);
	});
	return address;
};

export const getRows = (kernel: Kernel, address: number, count: number): Rows =>
	Array.from({ length: count }, (_, i) => kernel.get(address + 8 * kernel.ringDegree * i));

/** The row as coefficients, or coefficients as a row: with a copy of it in `room`, N numbers. */
export const coefficientsOf = (kernel: Kernel, row: Float64Array, modulus: number, room: number): Float64Array => {
	new Float64Array(kernel.memory.buffer, room, row.length).set(row);
	kernel.exports.inverseTransform(room, modulus);
	return kernel.get(room);
};

export const rowOf = (kernel: Kernel, coefficients: Float64Array, modulus: number, room: number): Float64Array => {
	new Float64Array(kernel.memory.buffer, room, coefficients.length).set(coefficients);
	kernel.exports.transform(room, modulus);
	return kernel.get(room);
};

/** The integers |x| < Q / 2 with these residues modulo the factors of Q, by the Chinese remainder theorem. */
export const integersOf = (residues: Rows, moduli: readonly number[]): bigint[] => {
	const factors = moduli.map(BigInt);
	const whole = factors.reduce((a, b) => a * b, 1n);
	const units = factors.map((q) => {
		const rest = whole / q;
		return rest * powerModulo(rest, q - 2n, q);
	});
	const [first] = residues;
	return Array.from({ length: first?.length ?? 0 }, (_, k) => {
		let sum = 0n;
		for (const [i, unit] of units.entries()) sum += unit * BigInt(residues[i]?.[k] as number);
		return balanced(sum, whole);
	});
};

/** Rows of SEAL's residues, which lie in [0, q), from a record of a ciphertext that begins at `start`. */
export const rowsOfRecord = (
	record: Uint8Array,
	start: number,
	ringDegree: number,
	moduli: readonly number[],
): Rows => {
	const view = new DataView(record.buffer, record.byteOffset + start + CIPHERTEXT_HEADER);
	return moduli.map((q, i) =>
		Float64Array.from({ length: ringDegree }, (_, k) => {
			const residue = Number(view.getBigUint64(8 * (i * ringDegree + k), true));
			return residue > q / 2 ? residue - q : residue;
		}),
	);
};

/** Puts rows there as SEAL has them. */
export const writeRecord = (record: Uint8Array, rows: Rows, moduli: readonly number[]): void => {
	const view = new DataView(record.buffer, record.byteOffset + CIPHERTEXT_HEADER);
	rows.forEach((row, i) => {
		const q = moduli[i % moduli.length] as number;
		row.forEach((x, k) => {
			view.setBigUint64(8 * (i * row.length + k), BigInt(x < 0 ? x + q : x), true);
		});
	});
};
