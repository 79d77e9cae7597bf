import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isList, isNumber, isRecord, isText } from '../programShape.ts';
import { makePrivate, readRecords, writeDurably } from './files.ts';
import type { Job, JobError } from './jobs.ts';

/** How a job ended. */
export type JobEnd = {
	readonly state: 'done' | 'failed' | 'cancelled';
	/** Milliseconds since 1970. */
	readonly at: number;
	readonly output?: string;
	readonly error?: JobError;
};

/** What is known of a job after a restart. */
export type JobRecord = {
	readonly job: Job;
	/** Order of acceptance. */
	readonly number: number;
	readonly end?: JobEnd;
};

/** Where jobs are kept, beyond the end of the process or not at all. */
export type JobFiles = {
	/** Are they kept beyond it? */
	readonly durable: boolean;
	/** Ends once the disk has it. */
	readonly save: (record: JobRecord) => Promise<void>;
	readonly remove: (id: string) => Promise<void>;
	/** All of them in the order of acceptance, and how many were damaged, which are removed. */
	readonly load: () => Promise<{ readonly records: readonly JobRecord[]; readonly damaged: number }>;
};

/** For queues that forget. */
export const noJobFiles: JobFiles = {
	durable: false,
	save: async () => {},
	remove: async () => {},
	load: async () => ({ records: [], damaged: 0 }),
};

const isJob = isRecord({ id: isText, owner: isText, keySet: isText, input: isText, keys: isList(isText) });
const isEnd = isRecord({
	state: (value) => value === 'done' || value === 'failed' || value === 'cancelled',
	at: isNumber,
	output: (value) => value === undefined || isText(value),
	error: (value) => value === undefined || isRecord({ code: isText, message: isText })(value),
});
const isJobRecord = (value: unknown): value is JobRecord =>
	isRecord({ job: isJob, number: isNumber, end: (end) => end === undefined || isEnd(end) })(value);

/** A small file for each job in a folder of its own; its name is a hash, so no id leads out of the folder. */
export const openJobFiles = async (folder: string): Promise<JobFiles> => {
	await makePrivate(folder);
	const pathOf = (id: string): string => join(folder, `${createHash('sha256').update(id).digest('hex')}.json`);
	return {
		durable: true,
		save: (record) => writeDurably(pathOf(record.job.id), JSON.stringify(record)),
		remove: (id) => rm(pathOf(id), { force: true }),
		load: async () => {
			const { records, damaged } = await readRecords(folder, isJobRecord);
			return { records: records.toSorted((a, b) => a.number - b.number), damaged };
		},
	};
};
