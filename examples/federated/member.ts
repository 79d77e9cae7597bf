import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Result } from '../../runtime/client.ts';
import { cpuMilliseconds } from '../cpu.ts';
import type { Api } from './api.ts';
import { type Examples, initialWeights } from './network.ts';
import type { Verdict } from './rounds.ts';
import { START, type Task } from './tasks.ts';
import { moved, updateOf, vectorOf } from './updates.ts';

/** What goes wrong with a user, to see that rounds go on without it. */
export type Faults = {
	/** It sends `lateMs` after it could, in each round whose number is a multiple of this. */
	readonly lateEvery?: number | undefined;
	readonly lateMs?: number | undefined;
	/** It dies in these rounds, after it has promised an update. */
	readonly dieIn?: readonly number[] | undefined;
	/** It sends everything twice, as after an answer that was lost. */
	readonly twice?: boolean | undefined;
};

export type Member = {
	readonly client: Client;
	readonly api: Api;
	readonly task: Task;
	readonly rows: Examples;
	/** Which of the users this is, for the order in which it sees its rows. */
	readonly user: number;
	readonly faults: Faults;
	/** Makes of a decrypted sum one that may be shown to others; only of a user that hands the model out. */
	readonly publish?: ((result: Result) => Float64Array) | undefined;
	/** Called in the place of an update that a user dies of. */
	readonly die: () => void;
	readonly onEvent: (event: MemberEvent) => void;
};

/** A step of a user; milliseconds of processor time. */
export type MemberEvent =
	| {
			readonly event: 'sent';
			readonly round: number;
			readonly verdict: Verdict;
			readonly bytes: number;
			readonly encrypt: number;
			readonly train: number;
	  }
	| { readonly event: 'moved'; readonly round: number; readonly bytes: number; readonly decrypt: number };

const POLL_MS = 50;

/** Weights that all users have, and those that may be shown to others. */
export type Trained = { readonly weights: Float64Array; readonly shown: Float64Array | undefined };

/**
 * Takes part until all rounds are done; returns the weights that all users have then. What a user missed it makes up for: the sums
 * of all rounds move the same first weights, in their order, whether it took part or not.
 */
export const participate = async (member: Member): Promise<Trained> => {
	const { api, task } = member;
	const start = initialWeights(task.network, START);
	let trained: Trained = { weights: start, shown: member.publish === undefined ? undefined : start };
	let applied = 0;
	for (;;) {
		const { round, state, place, finished } = await api.task();
		for (; applied < finished; applied++) trained = await follow(member, trained, applied + 1);
		if (state === 'done') return trained;
		if (state === 'train' && place !== undefined && round === applied + 1) {
			const verdict = await api.acknowledge(round);
			if (verdict === 'accepted' || verdict === 'duplicate') await contribute(member, trained.weights, round, place);
		}
		await sleep(POLL_MS);
	}
};

/** The weights after a round. Errors: RefusedError where the sum is no answer to this key, Error where it is not plausible. */
const follow = async (member: Member, { weights, shown }: Trained, round: number): Promise<Trained> => {
	const { client, api, task, publish, onEvent } = member;
	const message = await api.sum(round);
	const start = cpuMilliseconds();
	const result = await client.decrypt(message);
	const sum = result.outputs.get('sum')?.data;
	if (sum === undefined || result.warnings.length > 0) throw new Error(`the sum of round ${round} is not plausible`);
	onEvent({ event: 'moved', round, bytes: message.length, decrypt: cpuMilliseconds() - start });
	const published = publish?.(result);
	return {
		weights: moved(weights, sum, task),
		shown: shown === undefined || published === undefined ? undefined : moved(shown, published, task),
	};
};

const contribute = async (member: Member, weights: Float64Array, round: number, place: number): Promise<void> => {
	const { client, api, task, rows, user, faults, onEvent } = member;
	const start = cpuMilliseconds();
	const update = updateOf(task, weights, rows, user, round);
	const train = cpuMilliseconds() - start;
	if (faults.dieIn?.includes(round) === true) return member.die();
	if (faults.lateEvery !== undefined && round % faults.lateEvery === 0) await sleep(faults.lateMs);
	const encryption = cpuMilliseconds();
	const name = client.program.inputs[place]?.name ?? '';
	const message = await client.encryptInput(name, vectorOf(update, task, rows.inputs.length));
	const encrypt = cpuMilliseconds() - encryption;
	for (const _ of faults.twice === true ? [1, 2] : [1]) {
		const verdict = await api.deliver(round, message);
		onEvent({ event: 'sent', round, verdict, bytes: message.length, encrypt, train });
	}
};
