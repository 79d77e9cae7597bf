import type { CkksParameters, KeyNeeds } from './plan.ts';

/**
 * Lengths of everything that is sent or stored, which follow from the parameters alone: the client writes these bytes,
 * the server accepts no others, the compiler predicts them. Layouts are in codec.ts and message.ts.
 */
export type Ring = { readonly ringDegree: number; readonly primes: readonly number[] };

export const RECORD_HEADER = 16;
export const CIPHERTEXT_HEADER = 113;
export const PLAINTEXT_HEADER = 88;
export const KEYS_HEADER = 56;
/** A record header, the kind of generator and its seed of 64 bytes. */
export const SEED_RECORD = RECORD_HEADER + 1 + 64;
/** Polynomials of a ciphertext that crosses the wire. */
export const SIZE = 2;
/** A message up to the lengths of its parts, and the digest behind them. */
export const MESSAGE_HEADER = 64;
export const DIGEST = 32;

/** N for each prime: the residues of one polynomial. */
export const residuesOf = ({ ringDegree, primes }: Ring): number => ringDegree * primes.length;

/** Bytes of a ciphertext of size 2. */
export const ciphertextLength = (ring: Ring): number => CIPHERTEXT_HEADER + 8 * SIZE * residuesOf(ring);

/** Bytes of a ciphertext of size 2 whose second polynomial is stored as the seed that it was drawn from. */
export const seededLength = (ring: Ring): number => CIPHERTEXT_HEADER + 8 * residuesOf(ring) + SEED_RECORD;

/** Bytes of a plaintext, which is also what a secret key is stored as. */
export const plaintextLength = (ring: Ring): number => PLAINTEXT_HEADER + 8 * residuesOf(ring);

/** Bytes of a key switching key at the level of keys: `rows` is 1 for relinearization and N for a rotation. */
export const keyLength = (ring: Ring, rows: number): number =>
	KEYS_HEADER + 8 * rows + (ring.primes.length - 1) * seededLength(ring);

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

/** One evaluation key of a program. */
export type KeySlot = { readonly kind: 'relinearization' } | { readonly kind: 'rotation'; readonly steps: number };

/** The evaluation keys in the order in which they are sent: relinearization first, then the steps as the plan lists them. */
export const keySlots = ({ relinearization, steps }: KeyNeeds): readonly KeySlot[] => [
	...(relinearization ? [{ kind: 'relinearization' } as const] : []),
	...steps.map((step) => ({ kind: 'rotation', steps: step }) as const),
];

/** Bytes of each evaluation key as sent, in the same order. */
export const keyLengths = (parameters: CkksParameters, needs: KeyNeeds): readonly number[] =>
	keySlots(needs).map(({ kind }) => keyLength(keyRing(parameters), kind === 'rotation' ? parameters.ringDegree : 1));

/** Bytes of a message with parts of these lengths. */
export const messageLength = (lengths: readonly number[]): number =>
	MESSAGE_HEADER + 8 * lengths.length + lengths.reduce((sum, length) => sum + length, 0) + DIGEST;

/** Bytes of the message with the evaluation keys: what a user uploads once. */
export const evaluationKeyBytes = (program: { readonly parameters: CkksParameters; readonly keys: KeyNeeds }): number =>
	messageLength(keyLengths(program.parameters, program.keys));
