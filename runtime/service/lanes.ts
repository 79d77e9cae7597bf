import type { EvaluatorProcess } from './evaluator.ts';
import type { Job } from './jobs.ts';
import { keyIdentity } from './loadedKeys.ts';

/** An evaluator and what it works at. */
export type Lane<T> = { readonly evaluator: LaneEvaluator; running: T | undefined };

/** What a queue wants to know of an evaluator. */
export type LaneEvaluator = Pick<EvaluatorProcess, 'evaluate' | 'close' | 'started' | 'state' | 'holds'>;

type Waiting = { readonly job: Job };

/**
 * Who works at what next: the first in the row whose keys an idle evaluator has, or no evaluator. What waits only for the evaluator that has its keys
 * goes to another one when that would be idle otherwise. Nothing waits for ever: an evaluator that becomes free takes the first in the row of those whose keys it has.
 */
export const nextOf = <T extends Waiting>(
	lanes: readonly Lane<T>[],
	row: readonly T[],
): { readonly lane: Lane<T>; readonly entry: T } | undefined => {
	const idle = lanes.filter(({ evaluator, running }) => running === undefined && evaluator.state() === 'working');
	const [anyone] = idle;
	const [first] = row;
	if (anyone === undefined || first === undefined) return undefined;
	for (const entry of row) {
		const holders = lanes.filter((lane) => holds(lane, entry.job));
		const lane = holders.length === 0 ? anyone : idle.find((one) => holders.includes(one));
		if (lane !== undefined) return { lane, entry };
	}
	return { lane: anyone, entry: first };
};

/** Are the keys in its memory, or on their way there? */
const holds = <T extends Waiting>({ evaluator, running }: Lane<T>, job: Job): boolean =>
	evaluator.holds(job) || (running !== undefined && keyIdentity(running.job) === keyIdentity(job));
