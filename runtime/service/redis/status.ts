import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { isRefusalCode, RefusedError } from '../../errors.ts';
import type { Progress } from '../../plan.ts';
import type { Job, JobError, JobState, JobStatus } from '../jobs.ts';

const Blob = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** What a queue holds of a job, and the output once there is one: a worker that finds it has nothing left to do. */
const StoredJob = Type.Object({
	id: Type.String({ pattern: '^[\\w.-]{1,200}$' }),
	owner: Type.String(),
	keySet: Type.String({ pattern: '^[0-9a-f]{32}$' }),
	input: Blob,
	keys: Type.Array(Blob),
	output: Type.Optional(Blob),
});

export type StoredJob = Static<typeof StoredJob>;

const StoredProgress = Type.Object({ stage: Type.String(), done: Type.Number(), total: Type.Number() });

const StoredError = Type.Object({ code: Type.String(), message: Type.String(), hint: Type.Optional(Type.String()) });

const isCode = (code: string): code is JobError['code'] => code === 'defect' || isRefusalCode(code);

/** The job that a queue gave, or undefined where that is none. */
export const readJob = (value: unknown): StoredJob | undefined => (Value.Check(StoredJob, value) ? value : undefined);

/** What goes into the queue. Throws RefusedError 'misuse' for what could not be read back. */
export const storedJob = ({ id, owner, keySet, input, keys }: Job): StoredJob => {
	const job = { id, owner, keySet, input, keys: [...keys] };
	if (!Value.Check(StoredJob, job))
		throw new RefusedError('misuse', 'the job names its id, key set or blobs in a way that no queue takes');
	return job;
};

const readProgress = (value: unknown): Progress | undefined => (Value.Check(StoredProgress, value) ? value : undefined);

const DEFECT: JobError = { code: 'defect', message: 'the evaluation failed for a reason inside the service' };

/** Says a refusal as it is, and of anything else nothing but that it happened: messages of the system name paths. */
export const jobError = (error: unknown): JobError =>
	error instanceof RefusedError
		? { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
		: DEFECT;

/** A job fails in a queue with a text, which is an error as JSON when a worker of ours wrote it. */
export const writeError = (error: JobError): string => JSON.stringify(error);

/** undefined for what is no JSON. */
export const parseJson = (text: string): unknown => {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
};

const readError = (text: string): JobError => {
	const value = parseJson(text);
	if (!Value.Check(StoredError, value) || !isCode(value.code)) return DEFECT;
	return { code: value.code, message: value.message, ...(value.hint === undefined ? {} : { hint: value.hint }) };
};

const CancelledJob = Type.Object({ id: Type.String(), owner: Type.String(), input: Blob });

/** What is kept of a cancelled job. */
export const writeCancelled = ({ id, owner, input }: JobStatus): string => JSON.stringify({ id, owner, input });

export const readCancelled = (text: string): JobStatus | undefined => {
	const value = parseJson(text);
	if (!Value.Check(CancelledJob, value)) return undefined;
	return { id: value.id, owner: value.owner, input: value.input, state: 'cancelled' };
};

/** A job as BullMQ gives it, as far as a status needs it. */
export type QueuedJob = {
	readonly data: unknown;
	readonly progress: unknown;
	readonly finishedOn?: number | undefined;
	readonly failedReason?: string | undefined;
};

const stateOf = ({ finishedOn }: QueuedJob, output: string | undefined, active: boolean): JobState => {
	if (finishedOn === undefined) return active ? 'running' : 'waiting';
	return output === undefined ? 'failed' : 'done';
};

/** The status of a job in a queue, `before` jobs before it; undefined where it is none of ours. */
export const statusOf = (queued: QueuedJob, active: boolean, before: number): JobStatus | undefined => {
	const job = readJob(queued.data);
	if (job === undefined) return undefined;
	const { id, owner, input, output } = job;
	const state = stateOf(queued, output, active);
	const progress = state === 'running' ? readProgress(queued.progress) : undefined;
	return {
		id,
		owner,
		input,
		state,
		...(state === 'waiting' ? { position: before } : {}),
		...(progress === undefined ? {} : { progress }),
		...(state === 'done' && output !== undefined ? { output } : {}),
		...(state === 'failed' ? { error: readError(queued.failedReason ?? '') } : {}),
	};
};
