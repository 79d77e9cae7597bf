import { RefusedError } from '../../errors.ts';
import type { KernelSizes } from '../../kernel/arena.ts';
import { instantiate, type Kernel, type KernelModule, makeMemory } from './module.ts';
import { PROBE_BYTES, selfTest } from './selfTest.ts';

/** Why the kernel must not be used here; undefined when it may. Takes a few milliseconds and `PROBE_BYTES` of memory. */
export const complaintOf = (kernel: Kernel): string | undefined => {
	if (kernel.exports.isFused() !== 1) return 'this machine has no fused multiply-add';
	const wrong = selfTest(kernel);
	return wrong === undefined ? undefined : `its self-test fails: ${wrong} is wrong`;
};

/**
 * Tries the kernel out in a memory of its own, and returns what tells how many bytes its functions need. Throws RefusedError
 * 'program' where results would be wrong.
 */
export const probe = async (loaded: KernelModule): Promise<KernelSizes> => {
	const kernel = await instantiate(loaded, makeMemory(loaded.shared, PROBE_BYTES, PROBE_BYTES));
	const complaint = complaintOf(kernel);
	if (complaint !== undefined)
		throw new RefusedError('program', `the kernel cannot compute here: ${complaint}`, 'Use the seal backend.');
	return kernel.exports;
};
