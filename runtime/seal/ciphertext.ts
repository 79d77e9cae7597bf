import type { Ciphertext } from 'node-seal';
import { packCiphertext, unpackCiphertext, unpackSeeded } from '../codec.ts';
import { RefusedError } from '../errors.ts';
import type { Shape } from '../rules.ts';
import { scalesAgree } from '../values.ts';
import type { SealContext } from './context.ts';
import { filled } from './handles.ts';

/** SEAL's object and what the plan knows of it. */
export type SealCiphertext = { readonly object: Ciphertext; readonly shape: Shape };

/** SEAL takes a plain Uint8Array and no subclass of it (Buffer). */
export const plainBytes = (bytes: Uint8Array): Uint8Array =>
	new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

type Load = (context: SealContext, bytes: Uint8Array, level: number, scale: number, what: string) => SealCiphertext;

/** Checks bytes from outside and loads them. Throws RefusedError 'message' unless they are of this level. */
export const loadCiphertext: Load = (context, bytes, level, scale, what) =>
	loadRecord(context, unpackCiphertext(bytes, context.level(level).layout, scale, what), level, scale, what);

/** The same for what a key owner encrypted: its second polynomial is drawn from the seed that was sent. */
export const loadSeeded: Load = (context, bytes, level, scale, what) =>
	loadRecord(context, unpackSeeded(bytes, context.level(level).layout, scale, what), level, scale, what);

const loadRecord: Load = (context, record, level, scale, what) => {
	const { seal } = context.module;
	const object = filled(new seal.Ciphertext(), (empty) =>
		context.module.call(`load ${what}`, () => empty.loadFromArray(context.context, record), 'message'),
	);
	return { object, shape: { level, scale, size: 2 } };
};

/** The bytes of a ciphertext of size 2 as sent; level and scale must be those that the program declares. */
export const saveCiphertext = (
	context: SealContext,
	{ object, shape }: SealCiphertext,
	level: number,
	scale: number,
): Uint8Array => {
	if (shape.size !== 2 || shape.level !== level || !scalesAgree(shape.scale, scale))
		throw new RefusedError(
			'misuse',
			`a ciphertext of size ${shape.size}, level ${shape.level} and scale ${shape.scale} stands where size 2, level ${level} and scale ${scale} are declared`,
		);
	const none = context.module.seal.ComprModeType.none;
	const record = context.module.call('save a ciphertext', () => object.saveToArray(none));
	return packCiphertext(record, context.level(level).layout);
};
