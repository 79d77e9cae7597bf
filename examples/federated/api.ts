import { setTimeout as sleep } from 'node:timers/promises';
import type { Verdict } from './rounds.ts';

/** What a user asks the coordinator. Whatever fails on the way is asked again: each request may be repeated. */
export type Task = {
	readonly round: number;
	readonly state: string;
	readonly place: number | undefined;
	/** Rounds whose sum is there. */
	readonly finished: number;
};

const TRIES = 8;
const PATIENCE_MS = 15_000;

type Asked = {
	readonly method: string;
	readonly path: string;
	readonly token: string;
	readonly body?: Uint8Array | string;
};

const send = (url: string, { method, path, token, body }: Asked): Promise<Response> => {
	const type = typeof body === 'string' ? 'application/json' : 'application/octet-stream';
	return fetch(new URL(path, url), {
		method,
		headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': type }) },
		...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
		signal: AbortSignal.timeout(PATIENCE_MS),
	});
};

/** The status and the whole body. Errors: the last of the tries where no answer comes. */
const ask = async (url: string, asked: Asked): Promise<{ readonly status: number; readonly body: Uint8Array }> => {
	for (let left = TRIES; ; left--) {
		try {
			const response = await send(url, asked);
			const body = new Uint8Array(await response.arrayBuffer());
			if (response.status < 500 || left === 1) return { status: response.status, body };
		} catch (error) {
			if (left === 1) throw error;
		}
		await sleep(50 * (TRIES - left + 1));
	}
};

const refuse = (what: string, status: number): never => {
	throw new Error(`the coordinator answers ${status} to ${what}`);
};

const fieldsOf = (body: Uint8Array): Readonly<Record<string, unknown>> => {
	const value: unknown = JSON.parse(new TextDecoder().decode(body));
	return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
};

/** A number from 0 to 10^6. */
const countIn = (value: unknown, what: string): number =>
	typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 1e6
		? value
		: refuse(`${what} with something that is no count`, 200);

export type Api = {
	readonly task: () => Promise<Task>;
	readonly acknowledge: (round: number) => Promise<Verdict>;
	/** The same bytes may be delivered again. */
	readonly deliver: (round: number, update: Uint8Array) => Promise<Verdict>;
	readonly sum: (round: number) => Promise<Uint8Array>;
};

const VERDICTS: readonly Verdict[] = ['accepted', 'duplicate', 'late', 'conflict', 'not-chosen', 'not-open'];

const verdictIn = (what: string, status: number, body: Uint8Array): Verdict => {
	const { verdict } = fieldsOf(body);
	return VERDICTS.find((known) => known === verdict) ?? refuse(what, status);
};

/** Joins with an invitation. Errors: Error where the coordinator does not admit this user, program or key. */
export const joinFederation = async (
	url: string,
	invitation: string,
	group: { readonly fingerprint: string; readonly keySet: string },
): Promise<Api> => {
	const body = JSON.stringify(group);
	const admitted = await ask(url, { method: 'POST', path: '/v1/join', token: invitation, body });
	const { session } = fieldsOf(admitted.body);
	const token = typeof session === 'string' ? session : refuse('a join', admitted.status);
	const said = async (method: string, path: string, body?: Uint8Array): Promise<Verdict> => {
		const answer = await ask(url, { method, path, token, ...(body === undefined ? {} : { body }) });
		return verdictIn(path, answer.status, answer.body);
	};
	return {
		task: async () => {
			const { status, body } = await ask(url, { method: 'GET', path: '/v1/task', token });
			const { round, state, place, finished } = status === 200 ? fieldsOf(body) : refuse('a task', status);
			return {
				round: countIn(round, 'a task'),
				state: String(state),
				place: place === undefined ? undefined : countIn(place, 'a task'),
				finished: countIn(finished, 'a task'),
			};
		},
		acknowledge: (round) => said('POST', `/v1/rounds/${round}/acknowledgement`),
		deliver: (round, update) => said('PUT', `/v1/rounds/${round}/update`, update),
		sum: async (round) => {
			const { status, body } = await ask(url, { method: 'GET', path: `/v1/rounds/${round}/sum`, token });
			return status === 200 ? body : refuse('a sum', status);
		},
	};
};
