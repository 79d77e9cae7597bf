import { createHash } from 'node:crypto';
import { RefusedError } from '../../errors.ts';

/**
 * How many queues the jobs of one program are spread over, by their key set. A worker holds some of them, so that all jobs
 * of a key set meet one worker, which has its keys loaded; no more workers than this have anything to do.
 */
export const PARTITIONS = 32;

/** Milliseconds for which the status of a job is kept after its end. */
export const KEPT_MS = 3_600_000;

/** Everything of one program lies below one prefix, in braces: a cluster of Redis keeps it on one node, where scripts see all of it. */
export const prefixOf = (fingerprint: string): string => {
	if (!/^[0-9a-f]{64}$/.test(fingerprint))
		throw new RefusedError('program', 'the fingerprint of the program is not 64 hexadecimal digits');
	return `{onnx-seal:${fingerprint}}`;
};

/** Name of a partition's queue, below the prefix. */
export const queueName = (partition: number): string => `p${partition}`;

/** The partition of a key set: digests are spread evenly, whatever names clients give. */
export const partitionOf = (keySet: string): number =>
	createHash('sha256').update(keySet).digest().readUInt32BE(0) % PARTITIONS;

/** Name of a job in its queue; with a letter in front, since BullMQ takes no ids that are numbers. */
export const jobName = (id: string): string => {
	if (!/^[\w.-]{1,200}$/.test(id)) throw new RefusedError('misuse', 'the id of a job is 1 to 200 of A-Z a-z 0-9 . _ -');
	return `e.${id}`;
};

/** Keys of our own beside those of the queues. */
export const keysOf = (prefix: string) => ({
	/** Sorted set: live workers by the time when they count as lost. */
	members: `${prefix}:members`,
	/** Hash: partition to the worker that holds it. */
	leases: `${prefix}:leases`,
	/** The partition that an id was first sent to, while it is being sent. */
	claim: (id: string): string => `${prefix}:claim:${id}`,
	/** The last status of a job that was cancelled. */
	cancelled: (id: string): string => `${prefix}:cancelled:${id}`,
	/** The job itself, as BullMQ stores it. */
	job: (partition: number, id: string): string => `${prefix}:${queueName(partition)}:${jobName(id)}`,
	/** The same, by its name in the queue. */
	named: (partition: number, name: string): string => `${prefix}:${queueName(partition)}:${name}`,
	list: (partition: number, state: 'wait' | 'active' | 'delayed'): string =>
		`${prefix}:${queueName(partition)}:${state}`,
});

/** Channels by which processes wake each other; whatever is said there is looked up afterwards. */
export const channelsOf = (prefix: string) => ({
	/** A job waits; says the partition. */
	waiting: `${prefix}:waiting`,
	/** Workers came or went. */
	members: `${prefix}:joined`,
	/** State or progress of a job; says its id. */
	changed: `${prefix}:changed`,
	/** An evaluation ended well; says how many seconds it took. */
	evaluated: `${prefix}:evaluated`,
	/** A job is no longer wanted; says its id. */
	cancel: `${prefix}:cancel`,
});
