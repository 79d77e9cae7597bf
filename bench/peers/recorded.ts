import type { Id, SlotCircuit } from '../../compiler/slots/circuit.ts';
import { type PackedInputs, visitAll } from '../../compiler/slots/evaluate.ts';

/** The circuit that a peer's kernels record for a network: one input 'x', and the ciphertext and slots its outputs are in. */
export type Recorded = {
	readonly circuit: SlotCircuit;
	readonly pack: (x: Float64Array) => readonly Float64Array[];
	readonly output: Id;
	/** slots[i] holds output i. */
	readonly slots: readonly number[];
};

/** The outputs for one input, by the interpreter of slot circuits. */
export const evaluateRecorded = ({ circuit, pack, output, slots }: Recorded, x: Float64Array): Float64Array => {
	const inputs: PackedInputs = new Map([['x', pack(x)]]);
	let result = new Float64Array();
	visitAll(circuit, inputs, (values, id) => {
		if (id === output) result = Float64Array.from(slots, (slot) => values[slot] as number);
	});
	return result;
};

/** What a peer asks of its user for one network. Bytes of keys and input: as many bits as residues have, nothing seeded. */
export type PeerCosts = {
	readonly keySwitches: number;
	readonly plainProducts: number;
	readonly ringDegree: number;
	/** Bits of each prime, the special prime last. */
	readonly primes: readonly number[];
	readonly keys: number;
	readonly keyBytes: number;
	readonly keyMemory: number;
	readonly uploadBytes: number;
};

/** The largest log2(QP) that SEAL takes at 128 bits: the 2018 standard, which both peers rely on. */
const SEAL_LIMITS: readonly (readonly [ringDegree: number, bits: number])[] = [
	[1024, 27],
	[2048, 54],
	[4096, 109],
	[8192, 218],
	[16384, 438],
	[32768, 881],
];

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The smallest ring degree with at least `slots` slots that takes primes of these bits; undefined when SEAL has none. */
export const ringDegreeFor = (primes: readonly number[], slots: number): number | undefined =>
	SEAL_LIMITS.find(([ringDegree, bits]) => sum(primes) <= bits && ringDegree >= 2 * slots)?.[0];

/**
 * A key has, for each data prime, two polynomials of residues of all primes; a fresh ciphertext two polynomials of residues
 * of the data primes. In memory a residue takes 8 bytes.
 */
export const costsOf = (
	{ circuit }: Recorded,
	{ ringDegree, primes, rotationKeys }: { ringDegree: number; primes: readonly number[]; rotationKeys: number },
): PeerCosts => {
	const count = (kind: string): number => circuit.ops.filter((op) => op.kind === kind).length;
	const products = count('multiply');
	const keys = rotationKeys + Math.min(1, products);
	const polynomials = 2 * (primes.length - 1) * ringDegree * keys;
	return {
		keySwitches: count('rotate') + products,
		plainProducts: count('multiplyPlain'),
		ringDegree,
		primes,
		keys,
		keyBytes: (polynomials * sum(primes)) / 8,
		keyMemory: polynomials * primes.length * 8,
		uploadBytes: (count('input') * 2 * ringDegree * sum(primes.slice(0, -1))) / 8,
	};
};
