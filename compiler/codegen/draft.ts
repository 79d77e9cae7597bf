import { type Computation, type KeyNeeds, PLAN_FORMAT, type Port } from '../../runtime/plan.ts';
import type { CkksCircuit, Constant, Op } from '../ckks/circuit.ts';
import { inputNames } from './fuse.ts';
import { schedule } from './schedule.ts';

/** The instructions of a circuit, for predictions: where the words of constants will be they do not know. Cost: a few steps for each operation. */
export const draftOf = (circuit: CkksCircuit): Computation => {
	const { parameters, ops, outputs } = circuit;
	const batch = parameters.ringDegree / 2 / circuit.slots;
	const { instructions, registers, constants } = schedule(circuit, () => 0);
	const port = (name: string, parts: number, { level, scale }: Op): Port => ({ name, parts, level, scale });
	return {
		format: PLAN_FORMAT,
		name: '',
		parameters,
		batch,
		inputs: inputNames(circuit).map((name) => {
			const parts = ops.filter((op) => op.kind === 'input' && op.name === name);
			return port(name, Math.max(...parts.map((op) => (op.kind === 'input' ? op.part + 1 : 0))), parts[0] as Op);
		}),
		outputs: outputs.map(({ name, parts }) => port(name, parts.length, ops[parts[0] as number] as Op)),
		keys: keyNeeds(circuit, batch),
		registers,
		instructions,
		constants: constants.map(({ constant, extended }) => {
			const { plain, level, scale } = circuit.constants[constant] as Constant;
			// Distinct vectors in distinct places, wherever they will be.
			const offset = circuit.slots * (plain === 'ones' ? circuit.plains.length : plain);
			return { offset, level, scale, ...(extended ? { extended } : {}) };
		}),
	};
};

/** The keys that the circuit uses, each with the highest level it is used at. */
export const keyNeeds = ({ ops }: Pick<CkksCircuit, 'ops'>, batch: number): KeyNeeds => {
	const relinearization = ops.reduce((most, op) => (op.kind === 'relinearize' ? Math.max(most, op.level) : most), -1);
	const levels = new Map<number, number>();
	for (const op of ops) if (op.kind === 'rotate') levels.set(op.steps, Math.max(levels.get(op.steps) ?? 0, op.level));
	return {
		...(relinearization < 0 ? {} : { relinearization }),
		steps: [...levels].sort(([a], [b]) => a - b).map(([steps, level]) => ({ step: steps * batch, level })),
	};
};
