/** How this machine compares, just now, with the one that a cost table was made on. */
import { kernelCostsOf, sealCostsOf } from '../compiler/ckks/cost.ts';
import { at, type Polynomial } from '../compiler/ckks/milliseconds.ts';
import type { TargetBackend } from '../compiler/index.ts';
import { kernelWork, openKernel } from './kernelOperations.ts';
import { levelWork, open, parametersOf } from './operations.ts';
import { measure, type Work } from './rounds.ts';

/** Small primes, which leave room for several. */
const BITS = 26;
const ROUNDS = 12;
const COMMON = ['add', 'rescale', 'relinearize', 'rotate', 'decompose', 'modDown', 'plainTerm', 'multiplyPlain'];

/** How many times as long as in the table the commonest operations of a backend take: their geometric mean at N = 8192. */
export const slownessHere = async (backend: TargetBackend): Promise<number> => {
	const [ringDegree, p] = [8192, 4];
	const parameters = parametersOf(ringDegree, p, BITS);
	if (backend === 'kernel') return slowness(kernelCostsOf(ringDegree), kernelWork(await openKernel(parameters), p));
	const opened = await open(parameters);
	const { works, dispose } = levelWork(opened, p);
	const result = await slowness(sealCostsOf(ringDegree), works);
	dispose();
	opened.close();
	return result;
};

const slowness = async <Operation extends string>(
	costs: Readonly<Record<Operation, Polynomial>>,
	works: readonly Work<Operation>[],
): Promise<number> => {
	const common = works.filter(({ operation }) => COMMON.includes(operation));
	const logs = (await measure(common, ROUNDS)).map(({ operation, p, milliseconds }) =>
		Math.log(milliseconds / at(costs[operation], p)),
	);
	return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
};
