import { RefusedError } from '../errors.ts';
import { checkAborted, type RunOptions } from '../pace.ts';
import { type EvaluationStatus, SMALL_ANSWER, statusOf } from './card.ts';
import { RemoteError } from './errors.ts';
import type { Answer, Transport } from './http.ts';
import { errorOf, type Failure } from './refusal.ts';
import { ask, type Retry, sleep } from './retry.ts';

/** One inputs message on its way through the service. */
export type Errand = {
	readonly transport: Transport;
	readonly retry: Retry;
	readonly input: Uint8Array;
	/** Length of the outputs message. */
	readonly outputBytes: number;
	/** Milliseconds that the service predicts. */
	readonly predictedMs: number;
	/** Sends the evaluation keys that the service lacks. */
	readonly sendKeys: (options: RunOptions) => Promise<void>;
};

/**
 *     submit --> wait --> fetch --> done
 *       |  ^      |         |
 *       v  |      v         v
 *       keys   submit    submit       (the service forgot the evaluation)
 *
 * Whatever is left out throws. A submission under the same id is the same evaluation, so it is repeated freely.
 */
type State =
	| { readonly at: 'submit' | 'wait' | 'fetch'; readonly id: string }
	| { readonly at: 'keys'; readonly id: string }
	| { readonly at: 'done'; readonly outputs: Uint8Array };

/** How often one message is submitted, for keys or evaluations that the service dropped. */
const SUBMISSIONS = 4;
/** Evaluations below are waited for by the request that submits them. */
const SHORT_MS = 3000;
const SUBMIT_WAIT = 10;
const POLL_WAIT = 20;
/** Between two questions, when the answer was new and when it was not: for services that do not hold answers back. */
const POLL_MS = { changed: 50, same: 500 } as const;
const CANCEL_MS = 3000;

const randomId = (): string =>
	Array.from(globalThis.crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
		'',
	);

const pathOf = (id: string): string => `v1/evaluations/${id}`;
const isFailure = (outcome: Answer | Failure): outcome is Failure => 'error' in outcome;
const needsKeys = ({ error }: Failure): boolean => error instanceof RefusedError && error.code === 'keys';
const holdsBytes = ({ headers }: Answer): boolean =>
	headers.get('content-type')?.startsWith('application/octet-stream') === true;

/**
 * The outputs message for an inputs message. Progress has the stages 'send' and 'receive', in bytes, between them 'wait' and those of the
 * evaluation. Throws RefusedError and RemoteError; after an abort, once the service was told.
 */
export const evaluateRemotely = async (errand: Errand, options: RunOptions): Promise<Uint8Array> => {
	let state: State = { at: 'submit', id: randomId() };
	let submissions = 0;
	for (;;) {
		if (state.at === 'done') return state.outputs;
		const { id } = state;
		try {
			checkAborted(options.signal);
			if (state.at === 'submit' && submissions++ === SUBMISSIONS)
				throw new RemoteError('busy', 'the service drops keys or evaluations as fast as they are sent');
			state = await steps[state.at](errand, id, options);
		} catch (error) {
			if (options.signal?.aborted === true && submissions > 0) await cancel(errand, id);
			throw error;
		}
	}
};

type Step = (errand: Errand, id: string, options: RunOptions) => Promise<State>;

const submit: Step = async ({ transport, retry, input, outputBytes, predictedMs }, id, { signal, onProgress }) => {
	const wait = predictedMs <= SHORT_MS ? SUBMIT_WAIT : 0;
	const headers = {
		'content-type': 'application/octet-stream',
		'idempotency-key': id,
		...(wait > 0 ? { prefer: `wait=${wait}` } : {}),
	};
	onProgress?.({ stage: 'send', done: 0, total: input.length });
	const limit = outputBytes + SMALL_ANSWER;
	const request = { method: 'POST', path: 'v1/evaluations', headers, body: input, limit, wait, signal } as const;
	const outcome = await ask(transport, request, retry, [409]);
	if (isFailure(outcome)) {
		if (needsKeys(outcome)) return { at: 'keys', id };
		throw outcome.error;
	}
	onProgress?.({ stage: 'send', done: input.length, total: input.length });
	return holdsBytes(outcome) ? received(outcome, { onProgress }) : stateOf(statusOf(outcome), id);
};

const sendKeys: Step = async (errand, id, options) => {
	await errand.sendKeys(options);
	return { at: 'submit', id };
};

const wait: Step = async ({ transport, retry }, id, { signal, onProgress }) => {
	let last = '';
	for (;;) {
		const headers = { prefer: `wait=${POLL_WAIT}` };
		const request = { method: 'GET', path: pathOf(id), headers, limit: SMALL_ANSWER, wait: POLL_WAIT, signal } as const;
		const outcome = await ask(transport, request, retry, [404]);
		if (isFailure(outcome)) return { at: 'submit', id };
		const status = statusOf(outcome);
		const next = stateOf(status, id);
		if (next.at !== 'wait') return next;
		const { state, position = 0, progress } = status;
		if (state === 'waiting') onProgress?.({ stage: 'wait', done: 0, total: position });
		else if (progress !== undefined) onProgress?.({ stage: progress.step, done: progress.done, total: progress.total });
		const now = JSON.stringify([state, position, progress]);
		await sleep(now === last ? POLL_MS.same : POLL_MS.changed, signal);
		last = now;
	}
};

const fetchOutputs: Step = async ({ transport, retry, outputBytes }, id, { signal, onProgress }) => {
	onProgress?.({ stage: 'receive', done: 0, total: outputBytes });
	const request = { method: 'GET', path: `${pathOf(id)}/outputs`, limit: outputBytes + SMALL_ANSWER, signal } as const;
	const outcome = await ask(transport, request, retry, [404]);
	return isFailure(outcome) ? { at: 'submit', id } : received(outcome, { onProgress });
};

const steps: Readonly<Record<'submit' | 'keys' | 'wait' | 'fetch', Step>> = {
	submit,
	keys: sendKeys,
	wait,
	fetch: fetchOutputs,
};

const received = ({ bytes }: Answer, { onProgress }: RunOptions): State => {
	onProgress?.({ stage: 'receive', done: bytes.length, total: bytes.length });
	return { at: 'done', outputs: bytes };
};

/** What a status calls for. Throws what made the evaluation fail. */
const stateOf = ({ state, error }: EvaluationStatus, id: string): State => {
	if (state === 'done') return { at: 'fetch', id };
	if (state === 'waiting' || state === 'running') return { at: 'wait', id };
	if (state === 'cancelled') throw new RemoteError('conflict', 'the evaluation was cancelled on the server');
	const why = errorOf(error);
	// The keys were dropped after the evaluation was accepted: it has failed under this id, for good.
	if (why.code === 'keys') return { at: 'keys', id: randomId() };
	throw why;
};

/** Tells the service that nobody waits any more; it need not hear it. */
const cancel = async ({ transport }: Errand, id: string): Promise<void> => {
	const signal = AbortSignal.timeout(CANCEL_MS);
	await transport.send({ method: 'DELETE', path: pathOf(id), limit: SMALL_ANSWER, signal }).catch(() => undefined);
};
