/**
 * What the WebAssembly module of `assembly/` exports: arithmetic on rows of residues in a memory that the caller lays out.
 * Nothing is allocated, and nothing is checked but what comes from outside (`unpackRow`): addresses and counts are the linker's.
 *
 * A *row* is N residues of one modulus: float64, balanced in [-q/2, q/2], in SEAL's order of the number theoretic transform.
 * Moduli are numbered as in the plan, the special prime P last. A *polynomial* at `primes` p has rows of moduli 0..p-1; an
 * *extended* one a row of P behind them: it stands for P times the value (what a key switch gives before it is divided by P). A
 * ciphertext is 2 polynomials, or 3, one after another; addresses are multiples of 16. The result may be an operand, unless said.
 *
 * Every instance on one shared memory runs the same calls with the same arguments: each does its share (columns of pointwise
 * work, rows of transforms), and a call ends when all have done theirs. With one thread there is no waiting.
 */
export type KernelExports = {
	/** This instance is thread `thread` of `threads`; `barrier` is 16 bytes of zeros that all of them share. */
	readonly setThreads: (thread: number, threads: number, barrier: number) => void;
	/** Is multiply-add fused here, and exact? Without it every result would be wrong. */
	readonly isFused: () => number;

	/** Bytes of the tables of a context: roots of `moduli` moduli for ring degree 2^logN. */
	readonly contextBytes: (logN: number, moduli: number) => number;
	/**
	 * Computes the tables for the `count` moduli (float64) at `moduli`, the special one last: different primes below 2^48 that are 1
	 * modulo 2N, N >= 16. Shared: once for all threads.
	 */
	readonly makeContext: (context: number, logN: number, moduli: number, count: number) => void;
	/** This instance works with these tables from now on, and with `scratchBytes` bytes at `scratch`, shared by all threads. */
	readonly useContext: (context: number, scratch: number) => void;
	/** Bytes of scratch that any call needs at `primes` primes with `threads` threads. */
	readonly scratchBytes: (logN: number, primes: number, threads: number) => number;

	/**
	 * In place, one row: coefficients, any integers of magnitude at most 2^50, to values, balanced; and values of magnitude at most q
	 * to coefficients, balanced. Not shared: for tests.
	 */
	readonly transform: (row: number, modulus: number) => void;
	readonly inverseTransform: (row: number, modulus: number) => void;

	/** Residues of `width` bytes each (little-endian) to a row. Returns -1 when one is not below its modulus, else 1, or 0 when all are zero. One thread's work. */
	readonly unpackRow: (row: number, packed: number, width: number, modulus: number) => number;
	readonly packRow: (packed: number, width: number, row: number, modulus: number) => void;
	/**
	 * The uniform polynomial that SEAL draws from a seed of 64 bytes (Blake2xb), over the first `primes` data primes and, with
	 * `special`, P: rows one after another. One thread's work, in its own part of the scratch: several may draw at once.
	 */
	readonly expandSeed: (rows: number, seed: number, primes: number, special: number) => void;

	/** to = a + b, a - b: `polynomials` of them, both extended or neither. */
	readonly add: (to: number, a: number, b: number, polynomials: number, primes: number, extended: number) => void;
	readonly subtract: (to: number, a: number, b: number, polynomials: number, primes: number, extended: number) => void;
	readonly negate: (to: number, a: number, polynomials: number, primes: number, extended: number) => void;
	/** to = signA a + signB P b for an extended a and a b that is not: both of 2 polynomials. `to` is extended; it may be a. */
	readonly addMixed: (to: number, a: number, b: number, signA: number, signB: number, primes: number) => void;
	/** Copies `polynomials` polynomials of fromPrimes primes, of which the first `primes` (and P's row) are kept; `to` may be a. */
	readonly modSwitch: (
		to: number,
		a: number,
		polynomials: number,
		fromPrimes: number,
		primes: number,
		extended: number,
	) => void;
	/** a with the plaintext (p rows) added to its first polynomial, times P if a is extended. */
	readonly addPlain: (
		to: number,
		a: number,
		plain: number,
		polynomials: number,
		primes: number,
		extended: number,
	) => void;
	/** to = sum_k plains[k] * terms[k], reduced once; addresses are u32 at `terms` and `plains`. `to` is none of the terms unless count is 1. */
	readonly sumProducts: (
		to: number,
		terms: number,
		plains: number,
		count: number,
		polynomials: number,
		primes: number,
		extended: number,
	) => void;
	/**
	 * to[i] = sum_k weights[i * count + k] * terms[k] for i < outputs: weights are float64 integers below 2^`weightBits` in magnitude,
	 * weightBits <= 128; addresses are u32. Blocked, exact. No `to` is a term. Terms are read once for every 128 outputs, and again
	 * for every digit of weights that have more than 44 bits.
	 */
	readonly combine: (
		to: number,
		outputs: number,
		terms: number,
		count: number,
		weights: number,
		weightBits: number,
		polynomials: number,
		primes: number,
	) => void;

	/** to = a * b of size 3; a and b of size 2, not extended; `to` is neither. */
	readonly multiply: (to: number, a: number, b: number, primes: number) => void;
	readonly square: (to: number, a: number, primes: number) => void;

	/** Bytes of the digits of one polynomial: p digits of p + 1 rows each. */
	readonly digitBytes: (logN: number, primes: number) => number;
	/** Digits of polynomial 1 of a, which is divided by P first where a is extended. */
	readonly decompose: (digits: number, a: number, primes: number, extended: number) => void;
	/** Bytes of a key that serves `primes` primes. */
	readonly keyBytes: (logN: number, primes: number) => number;
	/** u32[N]: result[table[i]] = row[i] is the automorphism X -> X^element on a row, element odd. Shared. */
	readonly galoisTable: (table: number, element: number) => void;
	/**
	 * Puts one row of a key, of digit j < keyPrimes, polynomial 0 or 1 and modulus index i <= keyPrimes (keyPrimes: P), where key
	 * switching reads it: pre-permuted by the inverse of `table` (0: not permuted) and interleaved. One thread's work.
	 */
	readonly storeKeyRow: (
		key: number,
		keyPrimes: number,
		digit: number,
		polynomial: number,
		modulus: number,
		row: number,
		table: number,
	) => void;
	/** The automorphism of a, switched back to the owner's key: extended, whether a is or not. `to` is not a. */
	readonly rotate: (
		to: number,
		a: number,
		digits: number,
		key: number,
		keyPrimes: number,
		table: number,
		primes: number,
		extended: number,
	) => void;
	/** a of size 3 to an extended one of size 2. `to` is not a. */
	readonly relinearize: (to: number, a: number, key: number, keyPrimes: number, primes: number) => void;
	/** Divides an extended ciphertext of size 2 by P, rounded. */
	readonly modDown: (to: number, a: number, primes: number) => void;
	/** Divides by the last prime (and by P where extended), rounded: the result has primes - 1 and is not extended. */
	readonly rescale: (to: number, a: number, polynomials: number, primes: number, extended: number) => void;

	/** Bytes of the encoder's tables (once for a ring degree), and their computation. */
	readonly encoderBytes: (logN: number) => number;
	readonly makeEncoder: (tables: number, logN: number) => void;
	/**
	 * The plaintext of N/2 real slots (float64 at `values`, kept) times `scale`: rows of `primes` primes, and of P where extended;
	 * rounded to nearest as SEAL does. Values so small that all coefficients round to zero get 1 / scale added, as with the seal backend.
	 * Coefficients are below 2^150 in magnitude; they are, where the mean magnitude of the values times `scale` is.
	 */
	readonly encode: (
		to: number,
		tables: number,
		values: number,
		scale: number,
		primes: number,
		extended: number,
	) => void;
	/** The plaintext of one number in every slot, given as the integer round(value * scale) (float64). */
	readonly encodeNumber: (to: number, integer: number, primes: number, extended: number) => void;
};
