/** Arithmetic on integers of arbitrary size, by definition: what is checked once, and what the self-test compares with. Slow. */

/** x modulo q in (-q / 2, q / 2), q odd. */
export const balanced = (x: bigint, q: bigint): bigint => {
	const rest = ((x % q) + q) % q;
	return 2n * rest > q ? rest - q : rest;
};

/** base^exponent modulo q, for base >= 0. */
export const power = (base: bigint, exponent: bigint, q: bigint): bigint => {
	let result = 1n;
	let square = base % q;
	for (let rest = exponent; rest > 0n; rest >>= 1n) {
		if (rest & 1n) result = (result * square) % q;
		square = (square * square) % q;
	}
	return result;
};

/** 1 / x modulo a prime. */
export const invert = (x: bigint, q: bigint): bigint => power(((x % q) + q) % q, q - 2n, q);

/** The powers psi^0, ..., psi^(2N - 1) of the least primitive root of order 2N. */
const rootsOf = (ringDegree: number, q: bigint): readonly bigint[] => {
	const order = 2 * ringDegree;
	const powersOf = (root: bigint): bigint[] => {
		const powers = [1n];
		for (let k = 1; k < order; k++) powers.push(((powers[k - 1] ?? 0n) * root) % q);
		return powers;
	};
	for (let base = 2n; ; base++) {
		const powers = powersOf(power(base, (q - 1n) / BigInt(order), q));
		if (powers[ringDegree] !== q - 1n) continue;
		return powersOf(powers.filter((_, k) => k % 2 === 1).reduce((a, b) => (a < b ? a : b)));
	}
};

const reverse = (value: number, count: number): number => {
	let result = 0;
	for (let bit = 1, rest = value; bit < count; bit *= 2, rest >>= 1) result = 2 * result + (rest & 1);
	return result;
};

/** Polynomials of degree below N modulo each of a list of primes, as coefficients and as rows in the kernel's order. */
export class Ring {
	readonly #degree: number;
	readonly #moduli: readonly bigint[];
	readonly #roots: readonly (readonly bigint[])[];
	/** Column k is the value at psi^exponents[k]. */
	readonly #exponents: readonly number[];

	constructor(degree: number, moduli: readonly number[]) {
		this.#degree = degree;
		this.#moduli = moduli.map(BigInt);
		this.#roots = this.#moduli.map((q) => rootsOf(degree, q));
		this.#exponents = Array.from({ length: degree }, (_, k) => 2 * reverse(k, degree) + 1);
	}

	/** result[k] = sum_j coefficients[j] psi^(e_k j). */
	forward(coefficients: readonly bigint[], modulus: number): readonly bigint[] {
		return this.#exponents.map((exponent) => this.#evaluate(coefficients, (j) => exponent * j, modulus));
	}

	/** result[j] = 1 / N sum_k row[k] psi^(-e_k j), balanced. */
	inverse(row: readonly bigint[], modulus: number): readonly bigint[] {
		const q = this.#moduli[modulus] ?? 1n;
		const factor = invert(BigInt(this.#degree), q);
		return Array.from({ length: this.#degree }, (_, j) =>
			balanced(factor * this.#evaluate(row, (k) => -(this.#exponents[k] ?? 0) * j, modulus), q),
		);
	}

	/** Column k of a row's automorphism X -> X^element is column result(k) of the row. */
	automorphism(element: number): (k: number) => number {
		const places = new Map(this.#exponents.map((exponent, k) => [exponent, k]));
		return (k) => places.get(((this.#exponents[k] ?? 0) * element) % (2 * this.#degree)) ?? 0;
	}

	/** sum_i factors[i] psi^(exponentOf(i)). */
	#evaluate(factors: readonly bigint[], exponentOf: (i: number) => number, modulus: number): bigint {
		const roots = this.#roots[modulus] ?? [];
		const order = 2 * this.#degree;
		const sum = factors.reduce((total, factor, i) => {
			const exponent = ((exponentOf(i) % order) + order) % order;
			return total + factor * (roots[exponent] ?? 0n);
		}, 0n);
		return sum % (this.#moduli[modulus] ?? 1n);
	}
}
