import { RefusedError } from '../errors.ts';
import { aborted, checkAborted } from '../pace.ts';
import { RemoteError } from './errors.ts';
import type { Answer, Request, Transport } from './http.ts';
import { type Failure, failureOf } from './refusal.ts';

/** How long the same request is tried again after lost connections and answers that say "later" (408, 429, 502, 503, 504). */
export type RetryOptions = {
	/** Requests in all, the first included; default: 8. */
	readonly attempts?: number | undefined;
	/** Milliseconds before the second, doubled for each further one up to 60 times that; default: 250. */
	readonly firstMs?: number | undefined;
	/** The longest `Retry-After` in seconds that is waited for; default: 120. */
	readonly longestWait?: number | undefined;
};

export type Retry = { readonly [K in keyof RetryOptions]-?: number };

/** Throws RefusedError 'misuse' for what cannot be a limit. */
export const retryOf = ({ attempts = 8, firstMs = 250, longestWait = 120 }: RetryOptions = {}): Retry => {
	if (!Number.isSafeInteger(attempts) || attempts < 1 || attempts > 100)
		throw new RefusedError('misuse', `${attempts} attempts are not from 1 to 100`);
	if (!(firstMs >= 0 && firstMs <= 60_000 && longestWait >= 0 && longestWait <= 86_400))
		throw new RefusedError('misuse', 'the times between attempts are not from 0 to a minute and to a day');
	return { attempts, firstMs, longestWait };
};

/** A share in [0.5, 1): clients that were refused together come back one by one. */
const jitter = (): number => 0.5 + (globalThis.crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 33;

/** Ends after so many milliseconds. Throws RefusedError 'aborted'. */
export const sleep = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
	new Promise((resolve, reject) => {
		const stop = (): void => {
			clearTimeout(timer);
			reject(aborted(signal));
		};
		const timer = setTimeout(() => {
			signal?.removeEventListener('abort', stop);
			resolve();
		}, ms);
		signal?.addEventListener('abort', stop, { once: true });
	});

/** One attempt. What is sure to fail again is thrown: 'aborted', and answers that are none of a service. */
const attempt = async (transport: Transport, request: Request): Promise<Answer | Failure> => {
	try {
		const answer = await transport.send(request);
		return failureOf(answer) ?? answer;
	} catch (error) {
		if (!(error instanceof RemoteError) || error.code === 'protocol') throw error;
		return { error, status: undefined, again: true, after: undefined };
	}
};

const isFailure = (outcome: Answer | Failure): outcome is Failure => 'error' in outcome;

/**
 * The answer of the service, or its refusal where that is one of `expected` (statuses the caller knows what to do with). The request is sent
 * again, after longer and longer times, while that may help: only what may be sent twice is sent here. Throws RefusedError
 * and RemoteError.
 */
export const ask = async (
	transport: Transport,
	request: Request,
	{ attempts, firstMs, longestWait }: Retry,
	expected: readonly number[] = [],
): Promise<Answer | Failure> => {
	for (let k = 1; ; k++) {
		const outcome = await attempt(transport, request);
		if (!isFailure(outcome)) return outcome;
		const { error, status, again, after = 0 } = outcome;
		if (status !== undefined && expected.includes(status)) return outcome;
		if (!again || k >= attempts || after > longestWait) throw error;
		const pause = firstMs * Math.min(2 ** (k - 1), 60) * jitter();
		checkAborted(request.signal);
		await sleep(Math.max(1000 * after + pause, pause), request.signal);
	}
};

/** The same where every refusal is an error. */
export const askFor = async (transport: Transport, request: Request, retry: Retry): Promise<Answer> => {
	const outcome = await ask(transport, request, retry);
	if (isFailure(outcome)) throw outcome.error;
	return outcome;
};
