import type { CkksCircuit, Kind } from './circuit.ts';

/**
 * Milliseconds of one operation of the seal backend at N = 8192, for a value of `primes` primes: linear in them, quadratic
 * where keys are switched. Fitted to measurements of node-seal 7 (medians, one thread of a server core); other ring degrees
 * scale with N log N.
 */
const MILLISECONDS: { readonly [K in Kind]: (primes: number) => number } = {
	input: () => 0,
	rotate: (primes) => 0.32 * primes * (primes + 2),
	relinearize: (primes) => 0.32 * primes * (primes + 2),
	multiply: (primes) => 0.35 * primes,
	multiplyPlain: (primes) => 0.18 * primes,
	addPlain: (primes) => 0.02 * primes,
	add: (primes) => 0.03 * primes,
	subtract: (primes) => 0.03 * primes,
	negate: (primes) => 0.02 * primes,
	rescale: (primes) => 0.4 * primes,
	modSwitch: () => 0.02,
};

/** Predicted time of one evaluation with the seal backend on one thread, constants encoded before. */
export const estimateMilliseconds = ({ ops, parameters }: CkksCircuit): number => {
	const { ringDegree } = parameters;
	const scaling = (ringDegree * Math.log2(ringDegree)) / (8192 * 13);
	return (
		scaling * ops.reduce((total, op) => total + MILLISECONDS[op.kind](op.level + (op.kind === 'rescale' ? 2 : 1)), 0)
	);
};
