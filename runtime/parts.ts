import type { KeyParts } from './engine.ts';
import { aborted, checkAborted } from './pace.ts';
import { refuse } from './residues.ts';

/**
 * Exactly `count` keys, each with its index, whatever brings them. Throws RefusedError 'message' for fewer or more, 'aborted' also while
 * it waits for one, and what `parts` throws, to its very end: a stream that finds damage at its end has not been read before.
 */
export async function* inOrder(
	parts: KeyParts,
	count: number,
	signal: AbortSignal | undefined,
): AsyncGenerator<readonly [index: number, part: Uint8Array], void, undefined> {
	let index = 0;
	for await (const part of untilAborted(parts, signal)) {
		if (index === count) refuse('the key set', `it has more than ${count} keys`);
		yield [index++, part];
	}
	if (index < count) refuse('the key set', `it has ${index} keys instead of ${count}`);
}

/** The same parts; ends with RefusedError 'aborted' once the signal fires, and does not wait for a part that is still to come. */
async function* untilAborted(
	parts: KeyParts,
	signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
	if (signal === undefined || !(Symbol.asyncIterator in parts)) return yield* parts;
	const iterator = parts[Symbol.asyncIterator]();
	const stop = Promise.withResolvers<never>();
	stop.promise.catch(() => undefined);
	const fire = (): void => stop.reject(aborted(signal));
	signal.addEventListener('abort', fire);
	try {
		checkAborted(signal);
		for (;;) {
			const { done, value } = await Promise.race([iterator.next(), stop.promise]);
			if (done === true) return;
			yield value;
		}
	} finally {
		signal.removeEventListener('abort', fire);
		// Not waited for: it may only end once the part comes that is not wanted any more.
		Promise.resolve(iterator.return?.()).catch(() => undefined);
	}
}
