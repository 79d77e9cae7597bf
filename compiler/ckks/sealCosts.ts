import type { CkksCircuit, Kind, Op } from './circuit.ts';
import { at, type Polynomial } from './milliseconds.ts';

/** Measured costs of node-seal at one ring degree, on one thread; p is the number of primes of the operand. */
export type SealCosts = {
	readonly rotate: Polynomial;
	readonly relinearize: Polynomial;
	readonly multiply: Polynomial;
	readonly square: Polynomial;
	readonly multiplyPlain: Polynomial;
	readonly add: Polynomial;
	readonly addPlain: Polynomial;
	readonly rescale: Polynomial;
	/** By one level. */
	readonly modSwitch: Polynomial;
	/** A constant that is one number in all slots; p of the ciphertext it is for. */
	readonly encodeNumber: Polynomial;
	/** An input from the bytes that were sent, and an output to bytes. */
	readonly load: Polynomial;
	readonly save: Polynomial;
	readonly decrypt: Polynomial;
	/** From here on p is the number of all data primes. `encode` is of a vector, for any level. */
	readonly encode: Polynomial;
	readonly encrypt: Polynomial;
	/** Everything that SEAL computes from the parameters, on each side. */
	readonly setUp: Polynomial;
	/** One evaluation key for all levels: made by the client, checked and loaded by the server. */
	readonly makeKey: Polynomial;
	readonly loadKey: Polynomial;
};

/** Milliseconds of an operation whose result has p primes and whose operand has size 2; a combination, for each of its terms. */
export const SEAL_MILLISECONDS: { readonly [K in Kind]: (costs: SealCosts, p: number) => number } = {
	input: ({ load }, p) => at(load, p),
	rotate: ({ rotate }, p) => at(rotate, p),
	relinearize: ({ relinearize }, p) => at(relinearize, p),
	multiply: ({ multiply }, p) => at(multiply, p),
	multiplyPlain: ({ multiplyPlain }, p) => at(multiplyPlain, p),
	combine: ({ encodeNumber, multiplyPlain, add }, p) => at(encodeNumber, p) + at(multiplyPlain, p) + at(add, p),
	addPlain: ({ addPlain }, p) => at(addPlain, p),
	add: ({ add }, p) => at(add, p),
	subtract: ({ add }, p) => at(add, p),
	negate: ({ addPlain }, p) => at(addPlain, p),
	rescale: ({ rescale }, p) => at(rescale, p + 1),
	modSwitch: ({ modSwitch }, p) => at(modSwitch, p + 1),
};

/** The same of an operation of a circuit: squares cost less, values of three polynomials more, and switches by levels. */
const millisecondsOf = (circuit: CkksCircuit, op: Op, costs: SealCosts): number => {
	const p = op.level + 1;
	switch (op.kind) {
		case 'multiply':
			return at(op.a === op.b ? costs.square : costs.multiply, p);
		case 'combine':
			return op.terms.length * SEAL_MILLISECONDS.combine(costs, p);
		case 'modSwitch': {
			const from = circuit.ops[op.a]?.level ?? op.level + 1;
			let total = 0;
			for (let level = from; level > op.level; level--) total += at(costs.modSwitch, level + 1);
			return (total * op.size) / 2;
		}
		case 'rotate':
		case 'relinearize':
			return SEAL_MILLISECONDS[op.kind](costs, p);
		default:
			return (SEAL_MILLISECONDS[op.kind](costs, p) * op.size) / 2;
	}
};

/** Predicted milliseconds of each operation, without the encoding of constants: every operation is done as it stands. */
export const sealTimes = (circuit: CkksCircuit, costs: SealCosts): Float64Array =>
	Float64Array.from(circuit.ops, (op) => millisecondsOf(circuit, op, costs));
