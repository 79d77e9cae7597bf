import type { JobQueue, JobState, JobStatus } from './jobs.ts';

/** The longest that an answer is held back. */
const LONGEST_WAIT = 60;

export const isOver = (state: JobState): boolean => state === 'done' || state === 'failed' || state === 'cancelled';

/** The seconds of `wait` in a `Prefer` header (RFC 7240), at most LONGEST_WAIT; 0 where there is none. */
export const secondsToWait = (prefer: string | undefined): number => {
	const [, digits = '0'] = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:[,;]|$)/i.exec(prefer ?? '') ?? [];
	return Math.min(LONGEST_WAIT, Number(digits));
};

/** The first status that is `enough`, or the one after so many seconds, or when `signal` fires. The job goes on whatever happens here. */
export const waitFor = async (
	queue: JobQueue,
	first: JobStatus,
	seconds: number,
	enough: (status: JobStatus) => boolean,
	signal: AbortSignal,
): Promise<JobStatus> => {
	const end = performance.now() + 1000 * seconds;
	let status = first;
	while (!enough(status) && !signal.aborted) {
		const left = end - performance.now();
		if (left <= 0) break;
		const next = await queue.changed(status.id, status, left, signal);
		if (next === undefined) break;
		status = next;
	}
	return status;
};
