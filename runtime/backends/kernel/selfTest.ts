import { slotExponents } from '../../noise.ts';
import type { Kernel } from './module.ts';
import { balanced, invert, Ring } from './reference.ts';

/**
 * Every function of the kernel once, on a ring of degree 64 with two data primes and P, against integers of arbitrary size. What is
 * tried is this machine and this engine, not the code for all arguments: that is what the tests of the kernel are for.
 */
const LOG = 6;
const N = 64;
/** The largest primes below 2^48, 2^37 and 2^48 that are 1 modulo 1024. */
const MODULI = [281474976694273, 137438939137, 281474976678913] as const;
const P = MODULI.length - 1;
/**
 * What Blake2xb draws from the seed 0, 1, ..., 63 in a ring of degree 512, where each modulus takes a buffer of it: residues 0 and 511
 * of the first modulus and of the last.
 */
const DRAWN_LOG = 9;
const DRAWN = [164255087197808, 123551593305892, 137164830077742, 224914176590190] as const;

export const PROBE_BYTES = 2 ** 22;

/** Rows of residues with their moduli: what an address stands for. */
type Rows = { readonly at: number; readonly rows: readonly Row[] };
type Row = { readonly modulus: number; readonly values: readonly bigint[] };

class Trial {
	readonly kernel: Kernel;
	readonly ring = new Ring(N, MODULI);
	#end = 1024;
	#state = 1n;

	constructor(kernel: Kernel) {
		this.kernel = kernel;
		kernel.exports.setThreads(0, 1, 64);
		this.useRing(LOG);
	}

	/** From now on, calls work in the ring of degree 2^log. */
	useRing(log: number): void {
		const { exports } = this.kernel;
		const context = this.take(exports.contextBytes(log, MODULI.length));
		exports.makeContext(context, log, this.put(MODULI), MODULI.length);
		exports.useContext(context, this.take(exports.scratchBytes(log, P, 1)));
	}

	take(bytes: number): number {
		const at = this.#end;
		this.#end += Math.ceil(bytes / 64) * 64;
		if (this.#end > PROBE_BYTES) throw new RangeError('the memory of the self-test is too small');
		return at;
	}

	put(values: ArrayLike<number>): number {
		const at = this.take(8 * values.length);
		new Float64Array(this.kernel.memory.buffer, at, values.length).set(values);
		return at;
	}

	addresses(values: readonly number[]): number {
		const at = this.take(4 * values.length);
		new Uint32Array(this.kernel.memory.buffer, at, values.length).set(values);
		return at;
	}

	bytes(at: number, length: number): Uint8Array {
		return new Uint8Array(this.kernel.memory.buffer, at, length);
	}

	/** Rows of these moduli; residue 0 is the largest, residue 1 the smallest, all others are random. */
	random(moduli: readonly number[]): Rows {
		const rows = moduli.map((modulus): Row => {
			const q = BigInt(MODULI[modulus] as number);
			const values = Array.from({ length: N }, (_, k) => {
				this.#state = (this.#state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
				const ends = [(q - 1n) / 2n, -(q - 1n) / 2n];
				return ends[k] ?? balanced(this.#state >> 8n, q);
			});
			return { modulus, values };
		});
		return { at: this.put(rows.flatMap(({ values }) => values.map(Number))), rows };
	}

	/** Room for rows of these moduli. */
	room(moduli: readonly number[]): number {
		return this.take(8 * N * moduli.length);
	}

	/** Do the rows at an address hold these residues? expected(i, k): column k of row i, whatever its representative. */
	holds(at: number, moduli: readonly number[], expected: (i: number, k: number) => bigint): boolean {
		return moduli.every((modulus, i) => {
			const q = BigInt(MODULI[modulus] as number);
			const row = new Float64Array(this.kernel.memory.buffer, at + 8 * N * i, N);
			return row.every((x, k) => x === Number(balanced(expected(i, k), q)));
		});
	}
}

/** Moduli of two polynomials of p data primes, and of extended ones. */
const PAIR = [0, 1, 0, 1];
const TRIPLE = [0, 1, 0, 1, 0, 1];
const EXTENDED = [0, 1, P, 0, 1, P];

const at = ({ rows }: Rows, i: number, k: number): bigint => rows[i]?.values[k] ?? 0n;
const prime = (modulus: number): bigint => BigInt(MODULI[modulus] as number);

type Check = (trial: Trial) => boolean;

const transforms: Check = (trial) =>
	[0, 1, P].every((modulus) => {
		const { exports } = trial.kernel;
		const row = trial.random([modulus]);
		const coefficients = row.rows[0]?.values ?? [];
		const expected = trial.ring.forward(coefficients, modulus);
		exports.transform(row.at, modulus);
		if (!trial.holds(row.at, [modulus], (_, k) => expected[k] ?? 0n)) return false;
		exports.inverseTransform(row.at, modulus);
		return trial.holds(row.at, [modulus], (_, k) => coefficients[k] ?? 0n);
	});

const wires: Check = (trial) => {
	const { exports } = trial.kernel;
	const { at: from, rows } = trial.random([0]);
	const canonical = (rows[0]?.values ?? []).map((x) => (x + prime(0)) % prime(0));
	const packed = trial.take(8 * N);
	const to = trial.room([0]);
	exports.packRow(packed, 6, from, 0);
	const bytes = trial.bytes(packed, 6 * N);
	const right = canonical.every((x, k) =>
		bytes.subarray(6 * k, 6 * k + 6).every((b, i) => b === Number((x >> BigInt(8 * i)) & 255n)),
	);
	const unpacked = exports.unpackRow(to, packed, 6, 0) === 1 && trial.holds(to, [0], (_, k) => canonical[k] ?? 0n);
	bytes.fill(255, 6 * N - 6);
	const refused = exports.unpackRow(to, packed, 6, 0) === -1;
	bytes.fill(0);
	return right && unpacked && refused && exports.unpackRow(to, packed, 6, 0) === 0;
};

const seeds: Check = (trial) => {
	trial.useRing(DRAWN_LOG);
	const degree = 2 ** DRAWN_LOG;
	const seed = trial.take(64);
	trial.bytes(seed, 64).set(Array.from({ length: 64 }, (_, i) => i));
	const to = trial.take(16 * degree);
	trial.kernel.exports.expandSeed(to, seed, 1, 1);
	const rows = new Float64Array(trial.kernel.memory.buffer, to, 2 * degree);
	return [0, degree - 1, degree, 2 * degree - 1].every((place, i) => {
		const drawn = balanced(BigInt(DRAWN[i] as number), prime(i < 2 ? 0 : P));
		return rows[place] === Number(drawn);
	});
};

const sums: Check = (trial) => {
	const { exports } = trial.kernel;
	const [a, b, wide] = [trial.random(PAIR), trial.random(PAIR), trial.random(EXTENDED)];
	const [to, wideTo] = [trial.room(PAIR), trial.room(EXTENDED)];
	/** Row i of `a` as a part of an extended polynomial: times P, and zero modulo P. */
	const lifted = (x: Rows, i: number, k: number): bigint =>
		i % 3 === 2 ? 0n : prime(P) * at(x, i - Math.floor(i / 3), k);
	exports.add(to, a.at, b.at, 2, 2, 0);
	if (!trial.holds(to, PAIR, (i, k) => at(a, i, k) + at(b, i, k))) return false;
	exports.subtract(to, a.at, b.at, 2, 2, 0);
	if (!trial.holds(to, PAIR, (i, k) => at(a, i, k) - at(b, i, k))) return false;
	exports.negate(to, a.at, 2, 2, 0);
	if (!trial.holds(to, PAIR, (i, k) => -at(a, i, k))) return false;
	exports.addMixed(wideTo, wide.at, a.at, -1, 1, 2);
	if (!trial.holds(wideTo, EXTENDED, (i, k) => lifted(a, i, k) - at(wide, i, k))) return false;
	exports.addPlain(wideTo, wide.at, a.at, 2, 2, 1);
	if (!trial.holds(wideTo, EXTENDED, (i, k) => at(wide, i, k) + (i < 3 ? lifted(a, i, k) : 0n))) return false;
	exports.modSwitch(wideTo, wide.at, 2, 2, 1, 1);
	return trial.holds(wideTo, [0, P, 0, P], (i, k) => at(wide, [0, 2, 3, 5][i] ?? 0, k));
};

const products: Check = (trial) => {
	const { exports } = trial.kernel;
	const [a, b] = [trial.random(PAIR), trial.random(PAIR)];
	const to = trial.room(TRIPLE);
	const tensor = (i: number, k: number, y: Rows): bigint => {
		const [x0, x1, y0, y1] = [at(a, i % 2, k), at(a, 2 + (i % 2), k), at(y, i % 2, k), at(y, 2 + (i % 2), k)];
		return [x0 * y0, x0 * y1 + x1 * y0, x1 * y1][Math.floor(i / 2)] ?? 0n;
	};
	exports.multiply(to, a.at, b.at, 2);
	if (!trial.holds(to, TRIPLE, (i, k) => tensor(i, k, b))) return false;
	exports.square(to, a.at, 2);
	return trial.holds(to, TRIPLE, (i, k) => tensor(i, k, a));
};

const plainProducts: Check = (trial) => {
	const terms = Array.from({ length: 30 }, () => trial.random(PAIR));
	const plains = terms.map(() => trial.random([0, 1]));
	const to = trial.room(PAIR);
	const [x, y] = [terms, plains].map((all) => trial.addresses(all.map((one) => one.at))) as [number, number];
	trial.kernel.exports.sumProducts(to, x, y, terms.length, 2, 2, 0);
	return trial.holds(to, PAIR, (i, k) =>
		terms.reduce((sum, term, j) => sum + at(term, i, k) * at(plains[j] as Rows, i % 2, k), 0n),
	);
};

const combinations: Check = (trial) => {
	const terms = Array.from({ length: 30 }, () => trial.random(PAIR));
	const results = Array.from({ length: 3 }, () => trial.room(PAIR));
	const weights = Array.from({ length: 90 }, (_, j) => (j % 7 === 0 ? 2 ** 24 - 1 : ((j * 7919) % 2 ** 20) - 2 ** 19));
	trial.kernel.exports.combine(
		trial.addresses(results),
		results.length,
		trial.addresses(terms.map((term) => term.at)),
		terms.length,
		trial.put(weights),
		24,
		2,
		2,
	);
	return results.every((to, r) =>
		trial.holds(to, PAIR, (i, k) =>
			terms.reduce((sum, term, j) => sum + at(term, i, k) * BigInt(weights[30 * r + j] as number), 0n),
		),
	);
};

/** Digits of one polynomial modulo a modulus, as their definition has them. */
const digitsOf = (trial: Trial, rows: readonly Row[], modulus: number): readonly (readonly bigint[])[] =>
	rows.map((row) => trial.ring.forward(trial.ring.inverse(row.values, row.modulus), modulus));

/** A random key for two primes, laid out for key switching. */
const keyOf = (trial: Trial, table: number): { readonly at: number; readonly rows: readonly (readonly Rows[])[] } => {
	const { exports } = trial.kernel;
	const key = trial.take(exports.keyBytes(LOG, 2));
	const rows = [0, 1].map((digit) =>
		[0, 1].map((polynomial) => {
			const random = trial.random([0, 1, P]);
			for (let i = 0; i < 3; i++) exports.storeKeyRow(key, 2, digit, polynomial, i, random.at + 8 * N * i, table);
			return random;
		}),
	);
	return { at: key, rows };
};

/** base + sum_j d_j k_jc at row i of polynomial c. */
const switched = (trial: Trial, from: readonly Row[], key: ReturnType<typeof keyOf>) => {
	const digits = [0, 1, P].map((modulus) => digitsOf(trial, from, modulus));
	return (c: number, i: number, k: number, permute: (k: number) => number): bigint =>
		[0, 1].reduce((sum, j) => sum + (digits[i]?.[j]?.[permute(k)] ?? 0n) * at(key.rows[j]?.[c] as Rows, i, k), 0n);
};

const rotations: Check = (trial) => {
	const { exports } = trial.kernel;
	const a = trial.random(PAIR);
	const table = trial.take(4 * N);
	exports.galoisTable(table, 3);
	const key = keyOf(trial, table);
	const digits = trial.take(exports.digitBytes(LOG, 2));
	const to = trial.room(EXTENDED);
	exports.decompose(digits, a.at, 2, 0);
	exports.rotate(to, a.at, digits, key.at, 2, table, 2, 0);
	const moved = trial.ring.automorphism(3);
	const sum = switched(trial, a.rows.slice(2), key);
	return trial.holds(to, EXTENDED, (row, k) => {
		const [c, i] = [Math.floor(row / 3), row % 3];
		const base = c === 0 && i < 2 ? prime(P) * at(a, i, moved(k)) : 0n;
		return base + sum(c, i, k, moved);
	});
};

const relinearizations: Check = (trial) => {
	const { exports } = trial.kernel;
	const a = trial.random(TRIPLE);
	const key = keyOf(trial, 0);
	const to = trial.room(EXTENDED);
	exports.relinearize(to, a.at, key.at, 2, 2);
	const sum = switched(trial, a.rows.slice(4), key);
	return trial.holds(to, EXTENDED, (row, k) => {
		const [c, i] = [Math.floor(row / 3), row % 3];
		return (i < 2 ? prime(P) * at(a, 2 * c + i, k) : 0n) + sum(c, i, k, (same) => same);
	});
};

/** (x - [x]_d) / d over the first moduli, d the product of the last: what division by them with rounding gives. */
const dividedBy = (trial: Trial, rows: readonly Row[], divisors: number): readonly (readonly bigint[])[] => {
	const { ring } = trial;
	const coefficients = rows.map(({ values, modulus }) => ring.inverse(values, modulus));
	const last = rows.slice(rows.length - divisors).map(({ modulus }) => prime(modulus));
	const d = last.reduce((product, q) => product * q, 1n);
	const rest = Array.from({ length: N }, (_, k) => {
		const joined = last.reduce((sum, q, i) => {
			const x = coefficients[rows.length - divisors + i]?.[k] ?? 0n;
			return sum + x * (d / q) * invert(d / q, q);
		}, 0n);
		return balanced(joined, d);
	});
	return rows.slice(0, rows.length - divisors).map(({ modulus }, i) => {
		const q = prime(modulus);
		const quotient = rest.map((r, k) => ((coefficients[i]?.[k] ?? 0n) - r) * invert(d, q));
		return ring.forward(quotient, modulus);
	});
};

const divisions: Check = (trial) => {
	const { exports } = trial.kernel;
	const [a, wide] = [trial.random(PAIR), trial.random(EXTENDED)];
	const to = trial.room(PAIR);
	const agrees = (x: Rows, divisors: number): boolean => {
		const half = x.rows.length / 2;
		const expected = [0, half].flatMap((start) => dividedBy(trial, x.rows.slice(start, start + half), divisors));
		const moduli = [...new Array(2).keys()].flatMap(() => Array.from({ length: half - divisors }, (_, i) => i));
		return trial.holds(to, moduli, (i, k) => expected[i]?.[k] ?? 0n);
	};
	exports.modDown(to, wide.at, 2);
	if (!agrees(wide, 1)) return false;
	exports.rescale(to, a.at, 2, 2, 0);
	if (!agrees(a, 1)) return false;
	exports.rescale(to, wide.at, 2, 2, 1);
	return agrees(wide, 2);
};

const encodings: Check = (trial) => {
	const { exports } = trial.kernel;
	const tables = trial.take(exports.encoderBytes(LOG));
	exports.makeEncoder(tables, LOG);
	const values = Float64Array.from({ length: N / 2 }, (_, t) => Math.sin(3 * t + 1));
	const to = trial.room([0, 1, P]);
	const scale = 2 ** 30;
	exports.encode(to, tables, trial.put(values), scale, 2, 1);
	const row = new Float64Array(trial.kernel.memory.buffer, to, N);
	if (!row.every(Number.isInteger)) return false;
	const coefficients = trial.ring.inverse(Array.from(row, BigInt), 0);
	const rows = [0, 1, P].map((modulus) => trial.ring.forward(coefficients, modulus));
	if (!trial.holds(to, [0, 1, P], (i, k) => rows[i]?.[k] ?? 0n)) return false;
	const decoded = Array.from(slotExponents(N), (exponent) =>
		coefficients.reduce((sum, c, j) => sum + Number(c) * Math.cos((Math.PI * exponent * j) / N), 0),
	);
	// N roundings of at most a half each.
	if (!decoded.every((x, t) => Math.abs(x - scale * (values[t] as number)) <= N / 2 + 1)) return false;
	exports.encodeNumber(to, -(2 ** 50) + 1, 2, 1);
	return trial.holds(to, [0, 1, P], () => 1n - 2n ** 50n);
};

const CHECKS: readonly (readonly [name: string, check: Check])[] = [
	['the transform', transforms],
	['the packing of residues', wires],
	['the expansion of a seed', seeds],
	['a sum', sums],
	['a product of ciphertexts', products],
	['a sum of products with plaintexts', plainProducts],
	['a combination', combinations],
	['a rotation', rotations],
	['a relinearization', relinearizations],
	['a division', divisions],
	['the encoding', encodings],
];

/** What the kernel computes wrongly, in an unused memory of `PROBE_BYTES`; undefined when everything is right. */
export const selfTest = (kernel: Kernel): string | undefined => {
	for (const [name, check] of CHECKS) if (!passes(check, kernel)) return name;
	return undefined;
};

/** A function that traps is wrong, too. */
const passes = (check: Check, kernel: Kernel): boolean => {
	try {
		return check(new Trial(kernel));
	} catch (error) {
		if (error instanceof WebAssembly.RuntimeError) return false;
		throw error;
	}
};
