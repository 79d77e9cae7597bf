import type { Engine, EngineOptions } from '../engine.ts';
import { RefusedError } from '../errors.ts';
import type { EngineName } from '../plan.ts';

/** Makes each engine; loaded only when it is wanted. */
export type EngineMakers = Readonly<Record<EngineName, (options: EngineOptions) => Promise<Engine>>>;

/**
 * The wanted engine; `seal` in place of a `kernel` that cannot work here, with a notice why: no wasm file, no fused
 * multiply-add, a self-test that fails, or a program beyond the bounds of exact arithmetic in float64. A program that does not
 * fit into memory is refused by the engine that was wanted: `seal` needs more.
 */
export const chooseEngine = async (
	wanted: EngineName,
	makers: EngineMakers,
	options: EngineOptions,
): Promise<Engine> => {
	if (wanted === 'kernel')
		try {
			return await makers.kernel(options);
		} catch (error) {
			if (!(error instanceof RefusedError) || error.code !== 'program') throw error;
			options.onNotice(`${error.message}; node-seal evaluates instead, several times slower.`);
		}
	if (options.threads > 1) options.onNotice('node-seal evaluates on one thread.');
	return makers.seal({ ...options, threads: 1 });
};
