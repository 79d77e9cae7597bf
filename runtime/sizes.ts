import type { CkksParameters, KeyNeeds } from './plan.ts';

/**
 * Lengths of everything that is sent or stored, which follow from the parameters alone: the client writes these bytes,
 * the server accepts no others, the compiler predicts them. Layouts are in codec.ts, keyCodec.ts and message.ts, those of SEAL's records in records.ts.
 */
export type Ring = { readonly ringDegree: number; readonly primes: readonly number[] };

export const RECORD_HEADER = 16;
export const CIPHERTEXT_HEADER = 113;
export const PLAINTEXT_HEADER = 88;
export const KEYS_HEADER = 56;
export const SEED_BYTES = 64;
/** A record header, the kind of generator and its seed. */
export const SEED_RECORD = RECORD_HEADER + 1 + SEED_BYTES;
/** Before the digits of a key as sent: its rotation and its level. */
export const KEY_HEADER = 8;
/** Polynomials of a ciphertext that crosses the wire. */
export const SIZE = 2;
/** A message up to the lengths of its parts, and the digest behind them. */
export const MESSAGE_HEADER = 64;
export const DIGEST = 32;

/** N for each prime: the residues of one polynomial. */
export const residuesOf = ({ ringDegree, primes }: Ring): number => ringDegree * primes.length;

/** Bytes that hold any residue of a prime: the fewest. */
export const residueBytes = (prime: number): number => {
	let bytes = 1;
	while (256 ** bytes < prime) bytes++;
	return bytes;
};

/** Bytes of one polynomial as sent. */
const polynomialLength = ({ ringDegree, primes }: Ring): number =>
	ringDegree * primes.reduce((sum, prime) => sum + residueBytes(prime), 0);

/** Bytes of a ciphertext as sent. */
export const ciphertextLength = (ring: Ring): number => SIZE * polynomialLength(ring);

/** Bytes of a seeded ciphertext as sent. */
export const seededLength = (ring: Ring): number => polynomialLength(ring) + SEED_BYTES;

/** Bytes of SEAL's record of a ciphertext of size 2. */
export const ciphertextRecordLength = (ring: Ring): number => CIPHERTEXT_HEADER + 8 * SIZE * residuesOf(ring);

/** Bytes of SEAL's record of a ciphertext of size 2 whose second polynomial is stored as the seed that it was drawn from. */
export const seededRecordLength = (ring: Ring): number => CIPHERTEXT_HEADER + 8 * residuesOf(ring) + SEED_RECORD;

/** Bytes of a plaintext, which is also what a secret key is stored as. */
export const plaintextLength = (ring: Ring): number => PLAINTEXT_HEADER + 8 * residuesOf(ring);

/**
 * The primes that a key for ciphertexts up to `level` has residues of, special prime last: a key switch at level l reads the
 * digits 0..l of its key, and of these the residues of primes 0..l and of the special prime.
 */
export const primesServed = ({ primes, specialPrime }: CkksParameters, level: number): readonly number[] => [
	...primes.slice(0, level + 1),
	specialPrime,
];

/** Bytes of an evaluation key as sent: for each digit its residues and the seed of the other half. */
export const keyLength = (parameters: CkksParameters, level: number): number => {
	const { ringDegree } = parameters;
	return KEY_HEADER + (level + 1) * seededLength({ ringDegree, primes: primesServed(parameters, level) });
};

const atLevel = ({ ringDegree, primes }: CkksParameters, level: number): Ring => ({
	ringDegree,
	primes: primes.slice(0, level + 1),
});

/** Bytes of one part of an input, which is seeded. */
export const inputLength = (parameters: CkksParameters, level: number): number =>
	seededLength(atLevel(parameters, level));

/** Bytes of one part of an output. */
export const outputLength = (parameters: CkksParameters, level: number): number =>
	ciphertextLength(atLevel(parameters, level));

/** Bytes of the stored secret key. */
export const secretKeyLength = (parameters: CkksParameters): number => plaintextLength(keyRing(parameters));

const keyRing = ({ ringDegree, primes, specialPrime }: CkksParameters): Ring => ({
	ringDegree,
	primes: [...primes, specialPrime],
});

/** One evaluation key of a program, for ciphertexts of at most `level`. */
export type KeySlot =
	| { readonly kind: 'relinearization'; readonly level: number }
	| { readonly kind: 'rotation'; readonly steps: number; readonly level: number };

/** The evaluation keys in the order in which they are sent: relinearization first, then the steps as the plan lists them. */
export const keySlots = ({ relinearization, steps }: KeyNeeds): readonly KeySlot[] => [
	...(relinearization === undefined ? [] : [{ kind: 'relinearization', level: relinearization } as const]),
	...steps.map(({ step, level }) => ({ kind: 'rotation', steps: step, level }) as const),
];

/** Bytes of each evaluation key as sent, in the same order. */
export const keyLengths = (parameters: CkksParameters, needs: KeyNeeds): readonly number[] =>
	keySlots(needs).map(({ level }) => keyLength(parameters, level));

/** Bytes of a message with parts of these lengths. */
export const messageLength = (lengths: readonly number[]): number =>
	MESSAGE_HEADER + 8 * lengths.length + lengths.reduce((sum, length) => sum + length, 0) + DIGEST;

/** Bytes of the message with the evaluation keys: what a user uploads once. */
export const evaluationKeyBytes = (program: { readonly parameters: CkksParameters; readonly keys: KeyNeeds }): number =>
	messageLength(keyLengths(program.parameters, program.keys));
