import type { Instruction } from '../../runtime/plan.ts';
import { allocated } from '../../runtime/registers.ts';
import type { CkksCircuit, Id } from '../ckks/circuit.ts';
import { combinationsOf, type Group } from './combinations.ts';
import { fused } from './fuse.ts';
import type { UsedConstant } from './writer.ts';

/** The program on registers. */
export type Scheduled = {
	readonly instructions: readonly Instruction[];
	/** The operation of the circuit that each instruction is for. */
	readonly sources: readonly Id[];
	readonly registers: number;
	/** The constants of the circuit in the order in which instructions number them. */
	readonly constants: readonly UsedConstant[];
};

/** Instructions, then registers for their values. `weightsAt` says at which word the weights of a group begin. */
export const schedule = (circuit: CkksCircuit, weightsAt: (group: Group) => number): Scheduled => {
	const groups = combinationsOf(circuit);
	const batch = circuit.parameters.ringDegree / 2 / circuit.slots;
	const written = fused(circuit, { groups, weightsAt, batch });
	return { ...written, ...allocated(written.instructions) };
};
