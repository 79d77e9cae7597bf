import type { Point } from './fit.ts';

/** Something to be timed, for p primes; `times` as often at once (default 1). */
export type Work<Operation extends string> = {
	readonly operation: Operation;
	readonly p: number;
	readonly run: () => unknown;
	readonly times?: number;
};
export type Measured<Operation extends string> = Point & { readonly operation: Operation };

/** Work of fewer milliseconds is rarely interrupted. */
const SHORT = 2;
/** Milliseconds that the runs of one round take at least, for longer work. */
const BLOCK = 24;

/**
 * Milliseconds of each, in rounds over them all. Short work: the fastest run, which nothing interrupted. Long work is
 * interrupted on a busy machine, so its CPU time counts instead, of enough runs to outlast the clock's ticks of some ms.
 */
export const measure = async <Operation extends string>(
	works: readonly Work<Operation>[],
	rounds: number,
): Promise<readonly Measured<Operation>[]> => {
	const times = works.map(() => ({ fastest: Number.POSITIVE_INFINITY, cpu: 0, runs: 0 }));
	for (let round = 0; round < rounds; round++)
		for (const [i, { run }] of works.entries()) {
			const time = times[i] as (typeof times)[number];
			const runs = round === 0 ? 2 : Math.ceil(BLOCK / Math.max(time.fastest, SHORT));
			const before = threadMilliseconds();
			for (let k = 0; k < runs; k++) {
				const start = performance.now();
				await run();
				time.fastest = Math.min(time.fastest, performance.now() - start);
			}
			if (round === 0) continue;
			time.cpu += threadMilliseconds() - before;
			time.runs += runs;
		}
	return works.map(({ operation, p, times: atOnce = 1 }, i) => {
		const { fastest, cpu, runs } = times[i] as (typeof times)[number];
		return { operation, p, milliseconds: (fastest < SHORT ? fastest : Math.min(fastest, cpu / runs)) / atOnce };
	});
};

/** Milliseconds of CPU time that this thread has had. */
export const threadMilliseconds = (): number => {
	const { user, system } = process.threadCpuUsage();
	return (user + system) / 1000;
};
