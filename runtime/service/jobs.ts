/** What stands between the HTTP side of the service and whatever evaluates: in this process' children, or in workers behind a queue. */
import type { RefusalCode } from '../errors.ts';
import type { Progress } from '../plan.ts';

/** One evaluation. Its id is unique among all owners (the owner's request id is part of it) and safe in file names and queue names. */
export type Job = {
	readonly id: string;
	/** Whose token it came with; the empty string where there are none. */
	readonly owner: string;
	/** Key set of the inputs, 32 hexadecimal digits. */
	readonly keySet: string;
	/** Blob of the inputs message. */
	readonly input: string;
	/** Blobs of the evaluation keys, in the order of `keySlots`. */
	readonly keys: readonly string[];
};

export type JobState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

export type JobError = { readonly code: RefusalCode | 'defect'; readonly message: string; readonly hint?: string };

export type JobStatus = {
	readonly id: string;
	readonly owner: string;
	/** Blob of the inputs message that it was submitted with. */
	readonly input: string;
	readonly state: JobState;
	/** How many are before it; only while it waits. */
	readonly position?: number;
	readonly progress?: Progress;
	/** Blob of the outputs message; once it is done. */
	readonly output?: string;
	readonly error?: JobError;
};

/** How much there is to do. */
export type Load = { readonly waiting: number; readonly running: number; readonly workers: number };

/** Accepted jobs are kept until they are done, failed or cancelled, and their status for some time after that. */
export type JobQueue = {
	/** The same id again is the same job, whatever its state. */
	readonly submit: (job: Job) => Promise<JobStatus>;
	readonly status: (id: string) => Promise<JobStatus | undefined>;
	/** Its status once state or progress differ from `seen`, or after so many milliseconds. */
	readonly changed: (
		id: string,
		seen: JobStatus,
		milliseconds: number,
		signal?: AbortSignal,
	) => Promise<JobStatus | undefined>;
	readonly cancel: (id: string) => Promise<JobStatus | undefined>;
	readonly load: () => Promise<Load>;
	/** Takes no more, lets what runs end for so many milliseconds, and releases everything. */
	readonly close: (graceMs: number) => Promise<void>;
};

/** What evaluates one job after another and can be killed: a child process with a program loaded. */
export type Evaluator = {
	/** Ends with the blob of the outputs message; throws RefusedError, 'aborted' after `signal`, 'stopped' when the process was lost. */
	readonly evaluate: (
		job: Job,
		options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: Progress) => void },
	) => Promise<string>;
	readonly close: () => Promise<void>;
};
