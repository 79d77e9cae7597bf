/** Measures points in processes of their own, some at a time. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Measurement } from './measurement.ts';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** A point, and how many of its samples are encrypted at least. */
export type Task = { readonly name: string; readonly encrypted: number };

/** Processes at a time, seconds of one point, and what ends them all. */
export type Limits = { readonly jobs: number; readonly seconds: number; readonly signal: AbortSignal };

/** A measurement, or why there is none. */
export type Outcome = Measurement | string;

const measureOne = async (task: Task, seconds: number, signal: AbortSignal): Promise<Outcome> => {
	const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
	const child = fork(WORKER, { serialization: 'advanced', stdio: [...stdio], signal, killSignal: 'SIGKILL' });
	const timer = setTimeout(() => child.kill('SIGKILL'), 1000 * seconds);
	let found: Measurement | undefined;
	child.once('message', (measurement) => {
		found = measurement as Measurement;
	});
	child.send(task);
	const [code, by] = await once(child, 'exit');
	clearTimeout(timer);
	if (found !== undefined) return found;
	return by === null ? `the process ended with ${code}` : `ended by ${by}: the limit is ${seconds} s`;
};

/** What is found of every point, in the order given; `jobs` at a time, the first first. `encrypted` as in a task. */
export const measureAll = async (
	names: readonly string[],
	encrypted: number,
	{ jobs, seconds, signal }: Limits,
): Promise<ReadonlyMap<string, Outcome>> => {
	const outcomes = new Map<string, Outcome>();
	const queue = names.values();
	const work = async (): Promise<void> => {
		for (const name of queue) {
			outcomes.set(name, await measureOne({ name, encrypted }, seconds, signal));
		}
	};
	await Promise.all(Array.from({ length: jobs }, work));
	return new Map(names.map((name) => [name, outcomes.get(name) ?? 'not measured']));
};
