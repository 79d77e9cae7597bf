import { KERNEL_SIZES, kernelBudget, kernelNeeds } from '../../runtime/kernel/memory.ts';
import { type Computation, type MemoryNeeds, MOST_MEMORY } from '../../runtime/plan.ts';
import type { Target, TargetBackend } from '../options.ts';
import { sealNeeds } from './memory.ts';

/** What the server needs on the backend that the program is for, and whether that is with constants kept between evaluations. */
export type Budget = { readonly keepConstants: boolean; readonly memory: MemoryNeeds };

/**
 * Encoded constants are kept where they fit, since encoding takes time: not where memory is what is to be cheap. Kept or not,
 * constants of one virtual slot are single numbers, which are encoded at each use.
 */
export const budgetOf = (computation: Computation, target: Target): Budget =>
	target.backend === 'kernel' ? kernelBudgetOf(computation, target) : sealBudgetOf(computation, target);

/**
 * What of keys and constants has to give way in a wasm memory, `kernelBudget` knows. For throughput, constants are the first to go
 * where that brings everything down to what one wasm memory holds: samples are filled up to no more.
 */
const kernelBudgetOf = (computation: Computation, { objective }: Target): Budget => {
	const within = (limit: number | undefined): Budget => {
		const { keepConstants, needs } = kernelBudget(computation, objective !== 'memory', KERNEL_SIZES, { limit });
		return { keepConstants, memory: needs };
	};
	const least = within(objective === 'throughput' ? MOST_MEMORY : undefined);
	return totalMemory(least.memory) <= MOST_MEMORY ? least : within(undefined);
};

const sealBudgetOf = (computation: Computation, { objective, backend }: Target): Budget => {
	const kept = memoryOn(computation, backend, true);
	return objective !== 'memory' && totalMemory(kept) <= MOST_MEMORY
		? { keepConstants: true, memory: kept }
		: { keepConstants: false, memory: memoryOn(computation, backend, false) };
};

/** What is needed with one set of keys. The kernel reserves exactly that, on one thread. */
export const memoryOn = (computation: Computation, backend: TargetBackend, keepConstants: boolean): MemoryNeeds =>
	backend === 'seal' ? sealNeeds(computation, keepConstants) : kernelNeeds(computation, keepConstants, KERNEL_SIZES);

export const totalMemory = ({ context, keys, constants, ciphertexts, temporaries }: MemoryNeeds): number =>
	context + keys + constants + ciphertexts + temporaries;
