import { InternalError } from '../errors.ts';
import type { CkksCircuit, Kind } from './circuit.ts';
import { SEAL_COSTS, type SealCosts } from './costTable.ts';

/**
 * Milliseconds of one operation of the seal backend on a value of p primes (of its operand, for a rescale): linear in p,
 * quadratic where keys are switched.
 */
const MILLISECONDS: { readonly [K in Kind]: (costs: SealCosts, p: number) => number } = {
	input: () => 0,
	rotate: (costs, p) => costs.rotate * p * (p + 2),
	relinearize: (costs, p) => costs.relinearize * p * (p + 2),
	multiply: (costs, p) => costs.multiply * p,
	multiplyPlain: (costs, p) => costs.multiplyPlain * p,
	addPlain: (costs, p) => costs.addPlain * p,
	add: (costs, p) => costs.add * p,
	subtract: (costs, p) => costs.add * p,
	negate: (costs, p) => costs.addPlain * p,
	rescale: (costs, p) => costs.rescale * (p + 1),
	modSwitch: (costs, p) => costs.addPlain * p,
};

/** Predicted time of one evaluation with the seal backend on one thread, constants encoded before. */
export const estimateMilliseconds = ({ ops, parameters }: CkksCircuit): number => {
	const costs = SEAL_COSTS.get(parameters.ringDegree);
	if (costs === undefined) throw new InternalError('cost', `no costs of ring degree ${parameters.ringDegree}`);
	return ops.reduce((total, op) => total + MILLISECONDS[op.kind](costs, op.level + 1), 0);
};
