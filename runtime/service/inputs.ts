import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { RefusedError } from '../errors.ts';
import { messageLength } from '../sizes.ts';
import { readMessageParts } from '../stream.ts';
import type { Chunks } from './body.ts';
import type { Context } from './context.ts';

/** An inputs message that is stored, and what it is to be evaluated with. */
export type StoredInputs = { readonly input: string; readonly keySet: string; readonly keys: readonly string[] };

const unknownKeys = (keySet: string): RefusedError =>
	new RefusedError(
		'keys',
		`the evaluation keys of the key set ${keySet} are not here, or not all of them`,
		'Send the keys, then the same request again.',
	);

/** The blobs of a key set; a program without evaluation keys needs none. Throws RefusedError 'keys'. */
const keysOf = async ({ keys, keyLengths }: Context, owner: string, keySet: string): Promise<readonly string[]> => {
	if (keyLengths.length === 0) return [];
	const names = await keys.complete(owner, keySet);
	if (names === undefined) throw unknownKeys(keySet);
	return names;
};

type Head = Pick<StoredInputs, 'keySet' | 'keys'>;

/**
 * Reads an inputs message to its end; what its head says is checked before anything behind it is waited for. `pin` is told of
 * its keys.
 */
const checkInputs = async (
	context: Context,
	owner: string,
	chunks: Chunks,
	pin: (keys: readonly string[]) => void,
): Promise<Head> => {
	const { fingerprint, batch } = context.program.client;
	let head: Head | undefined;
	for await (const piece of readMessageParts(chunks, { kind: 'inputs', fingerprint }, context.inputLengths))
		if (piece.type === 'head') {
			const { keySet, samples } = piece;
			if (samples < 1 || samples > batch)
				throw new RefusedError('message', `the inputs claim to hold ${samples} samples of at most ${batch}`);
			const keys = await keysOf(context, owner, keySet);
			pin(keys);
			head = { keySet, keys };
		}
	if (head === undefined) throw new RefusedError('message', 'the message has no head');
	return head;
};

/** The same chunks for a second reader: what that throws ends the first one as well. */
async function* teed(chunks: Chunks, second: PassThrough, verdict: Promise<unknown>): Chunks {
	let failed = false;
	verdict.catch(() => {
		failed = true;
	});
	for await (const chunk of chunks) {
		if (failed) break;
		if (!second.write(chunk)) await Promise.race([once(second, 'drain'), verdict]);
		yield chunk;
	}
	second.end();
	await verdict;
}

/**
 * Stores the body of an evaluation while it is checked, and hands it to `use` with its keys, which stay where they are until that
 * ends. Nothing is stored of what is no inputs message of this program, or has no keys. Throws RefusedError 'message' and 'keys',
 * and what reading the body throws.
 */
export const withInputs = async <T>(
	context: Context,
	owner: string,
	body: Chunks,
	use: (inputs: StoredInputs) => Promise<T>,
): Promise<T> => {
	const { blobs, keys } = context;
	let pinned: readonly string[] = [];
	const second = new PassThrough();
	const verdict = checkInputs(context, owner, second, (names) => {
		keys.pin(names);
		pinned = names;
	});
	try {
		const { name } = await blobs.put(teed(body, second, verdict), messageLength(context.inputLengths));
		return await use({ input: name, ...(await verdict) });
	} finally {
		second.destroy();
		await verdict.catch(() => {});
		await keys.release(pinned);
	}
};
