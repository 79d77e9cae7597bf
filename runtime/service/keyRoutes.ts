import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { RefusedError } from '../errors.ts';
import { messageLength } from '../sizes.ts';
import { readMessageParts } from '../stream.ts';
import { type Chunks, digested, readDigest } from './body.ts';
import { bodyOf, type Context, ownerOfRequest } from './context.ts';
import { ServiceError } from './errors.ts';
import type { KeyStore } from './keyStore.ts';
import {
	BytesBody,
	DigestHeaders,
	KeyPartParams,
	KeyPartStatus,
	KeySetParams,
	KeySetStatus,
	refusals,
} from './schemas.ts';

/** What is there of a key set, as the API tells it; undefined where nothing is. */
const statusOf = async ({ keys, keyLengths }: Context, owner: string, keySet: string) => {
	const found = await keys.present(owner, keySet);
	if (found === undefined) return undefined;
	const { present, bytes } = found;
	return {
		keySet,
		parts: keyLengths.length,
		present: [...present],
		complete: present.length === keyLengths.length,
		bytes,
	};
};

const nothing = (): ServiceError =>
	new ServiceError('not-found', 'nothing of this key set is here', 'Send its evaluation keys.');

type Incoming = { readonly keys: KeyStore; readonly owner: string; readonly keySet: string };

/**
 * Takes the parts of a whole message as they come, the last one once the digest behind it has shown that all of them are
 * undamaged: until then the key set is not complete. Throws RefusedError 'message' and what `KeyStore.add` throws.
 */
const addMessage = async (
	{ client }: Context['program'],
	lengths: readonly number[],
	chunks: Chunks,
	{ keys, owner, keySet }: Incoming,
): Promise<void> => {
	const add = (part: number, bytes: Uint8Array) => keys.add(owner, keySet, part, bytes);
	let held: { readonly part: number; readonly bytes: Uint8Array } | undefined;
	for await (const piece of readMessageParts(chunks, { kind: 'keys', fingerprint: client.fingerprint }, lengths)) {
		if (piece.type === 'head') checkName(piece.keySet, keySet);
		else {
			if (held !== undefined) await add(held.part, held.bytes);
			held = piece;
		}
	}
	if (held !== undefined) await add(held.part, held.bytes);
};

const checkName = (stated: string, keySet: string): void => {
	if (stated !== keySet)
		throw new RefusedError('message', `these are the evaluation keys of ${stated}`, 'Send them under their own name.');
};

/** The same; what a damaged message left of a key set that was not complete before is removed. */
const addWhole = async (context: Context, chunks: Chunks, incoming: Incoming): Promise<void> => {
	const { keys, owner, keySet } = incoming;
	const before = await statusOf(context, owner, keySet);
	try {
		await addMessage(context.program, context.keyLengths, chunks, incoming);
	} catch (error) {
		if (before?.complete !== true) await keys.remove(owner, keySet);
		throw error;
	}
};

export const keyRoutes =
	(context: Context): FastifyPluginAsyncTypebox =>
	async (app) => {
		const { keys, keyLengths, places } = context;

		app.get(
			'/v1/keys/:keySet',
			{
				schema: {
					summary: 'Which parts of a key set are there',
					params: KeySetParams,
					response: { 200: KeySetStatus, ...refusals },
				},
			},
			async (request) => {
				const status = await statusOf(context, ownerOfRequest(request), request.params.keySet);
				if (status === undefined) throw nothing();
				return status;
			},
		);

		app.put(
			'/v1/keys/:keySet/parts/:part',
			{
				schema: {
					summary: 'Send one evaluation key',
					params: KeyPartParams,
					headers: DigestHeaders,
					body: BytesBody,
					response: { 200: KeyPartStatus, 201: KeyPartStatus, ...refusals },
				},
			},
			async (request, reply) => {
				const owner = ownerOfRequest(request);
				const { keySet } = request.params;
				const part = Number(request.params.part);
				const length = keyLengths[part];
				if (length === undefined)
					throw new ServiceError('not-found', `the program has ${keyLengths.length} evaluation keys, no key ${part}`);
				const sha256 = readDigest(request.headers['content-digest']);
				const content = digested(bodyOf(context, request, length), sha256);
				const stored = await places.during(owner, () => keys.add(owner, keySet, part, content));
				const complete = (await statusOf(context, owner, keySet))?.complete === true;
				return reply.code(stored === 'stored' ? 201 : 200).send({ keySet, part, complete });
			},
		);

		app.put(
			'/v1/keys/:keySet',
			{
				schema: {
					summary: 'Send a whole keys message',
					params: KeySetParams,
					body: BytesBody,
					response: { 201: KeySetStatus, ...refusals },
				},
			},
			async (request, reply) => {
				const owner = ownerOfRequest(request);
				const { keySet } = request.params;
				const content = bodyOf(context, request, messageLength(keyLengths));
				await places.during(owner, () => addWhole(context, content, { keys, owner, keySet }));
				const status = await statusOf(context, owner, keySet);
				const all = { keySet, parts: 0, present: [], complete: true, bytes: 0 };
				return reply.code(201).send(status ?? all);
			},
		);

		app.delete(
			'/v1/keys/:keySet',
			{ schema: { summary: 'Remove a key set', params: KeySetParams, response: { 204: Type.Null(), ...refusals } } },
			async (request, reply) => {
				if (!(await keys.remove(ownerOfRequest(request), request.params.keySet))) throw nothing();
				return reply.code(204).send(null);
			},
		);
	};
