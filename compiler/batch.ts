import { MOST_MEMORY } from '../runtime/plan.ts';
import type { CkksCircuit } from './ckks/circuit.ts';
import { estimateMilliseconds } from './ckks/cost.ts';
import { RING_DEGREES } from './ckks/security.ts';
import { type Budget, budgetOf, totalMemory } from './codegen/budget.ts';
import { draftOf } from './codegen/draft.ts';
import { unlessRefused } from './errors.ts';
import type { TargetBackend } from './options.ts';

/** How many samples share a ciphertext: as many as asked for, all that cost nothing, or those with the least time for each. */
export type BatchGoal = number | 'free' | 'throughput';

/** The program for one ring degree and number of samples; undefined when there are no parameters. Refuses limits that it cannot keep. */
export type TryAt<T> = (ringDegree: number, batch: number) => T | undefined;
type Solved = { readonly solution: { readonly circuit: CkksCircuit } };

/**
 * The program that serves the goal best; undefined when no ring degree holds the circuit. A number of samples that is refused
 * is none that could be chosen; where there is nothing else, the refusal is thrown. Deterministic.
 */
export const chooseBatch = <T extends Solved>(
	goal: BatchGoal,
	backend: TargetBackend,
	tryAt: TryAt<T>,
): T | undefined => {
	if (goal === 'throughput')
		return leastTimePerSample(backend, tryAt) ?? firstOf((ringDegree) => mostThatFit(backend, tryAt, ringDegree));
	return goal === 'free' ? freeBatch(backend, tryAt) : atSmallestRing(tryAt, goal);
};

const atSmallestRing = <T>(tryAt: TryAt<T>, batch: number): T | undefined =>
	firstOf((ringDegree) => tryAt(ringDegree, batch));

/** What the smallest ring gives that gives anything. */
const firstOf = <T>(at: (ringDegree: number) => T | undefined): T | undefined => {
	for (const ringDegree of RING_DEGREES) {
		const found = at(ringDegree);
		if (found !== undefined) return found;
	}
	return undefined;
};

/** Time may rise by this share before more samples count as paid for. */
const FREE = 0.03;

/**
 * The most samples that leave ring degree, key switches and time as they are with one. Twice the samples are half the virtual
 * slots: once they are too few for a layer, fewer are too.
 */
const freeBatch = <T extends Solved>(backend: TargetBackend, tryAt: TryAt<T>): T | undefined => {
	const alone = atSmallestRing(tryAt, 1);
	if (alone === undefined) return undefined;
	const { ringDegree } = alone.solution.circuit.parameters;
	const limit = { keySwitches: keySwitches(alone), milliseconds: (1 + FREE) * millisecondsOf(alone, backend) };
	let best = alone;
	for (let batch = 2; batch <= ringDegree / 2; batch *= 2) {
		const found = unlessRefused(() => tryAt(ringDegree, batch));
		if (found === undefined || keySwitches(found) > limit.keySwitches) return best;
		if (millisecondsOf(found, backend) > limit.milliseconds) return best;
		best = found;
	}
	return best;
};

/** A larger ring must save this share of the time per sample: it doubles memory and the samples to wait for. */
const WORTH_A_RING = 0.03;

/**
 * The least time per sample whose memory fits. In each ring the most samples that fit are best: products per sample are the
 * same at every number of virtual slots, and only fewer of them need fewer rotations.
 */
const leastTimePerSample = <T extends Solved>(backend: TargetBackend, tryAt: TryAt<T>): T | undefined => {
	let best: T | undefined;
	for (const ringDegree of RING_DEGREES) {
		const found = unlessRefused(() => mostThatFit(backend, tryAt, ringDegree));
		if (found === undefined) continue;
		if (best !== undefined && timePerSample(found, backend) > (1 - WORTH_A_RING) * timePerSample(best, backend))
			return best;
		best = found;
	}
	return best;
};

const mostThatFit = <T extends Solved>(backend: TargetBackend, tryAt: TryAt<T>, ringDegree: number): T | undefined => {
	for (let batch = ringDegree / 2; batch >= 1; batch /= 2) {
		const found = tryAt(ringDegree, batch);
		// Fewer samples need no fewer bits.
		if (found === undefined || fits(found, backend)) return found;
	}
	return undefined;
};

const fits = (found: Solved, backend: TargetBackend): boolean =>
	totalMemory(budgetFor(found, backend).memory) <= MOST_MEMORY;

const budgetFor = ({ solution: { circuit } }: Solved, backend: TargetBackend): Budget =>
	budgetOf(draftOf(circuit), { objective: 'throughput', backend });

const batchOf = ({ parameters, slots }: CkksCircuit): number => parameters.ringDegree / 2 / slots;

const millisecondsOf = ({ solution }: Solved, backend: TargetBackend): number =>
	estimateMilliseconds(solution.circuit, true, backend);

const timePerSample = (found: Solved, backend: TargetBackend): number => {
	const { circuit } = found.solution;
	return estimateMilliseconds(circuit, budgetFor(found, backend).keepConstants, backend) / batchOf(circuit);
};

/** Rotations and relinearisations. */
const keySwitches = ({ solution }: Solved): number =>
	solution.circuit.ops.filter(({ kind }) => kind === 'rotate' || kind === 'relinearize').length;
