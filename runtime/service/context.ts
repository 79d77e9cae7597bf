import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { ModelCard } from '../modelCard.ts';
import { keyLengths } from '../sizes.ts';
import type { Token } from './auth.ts';
import type { BlobStore } from './blobs.ts';
import { type Chunks, checkStatedLength, exactBody } from './body.ts';
import { inputLengths, modelCard, type ServedProgram } from './card.ts';
import type { JobQueue } from './jobs.ts';
import type { KeyStore } from './keyStore.ts';
import { DEFAULT_LIMITS, Places, type ServiceLimits } from './limits.ts';
import type { ServiceMetrics } from './metrics.ts';

/** What a service is made of. */
export type ServiceOptions = {
	readonly program: ServedProgram;
	readonly queue: JobQueue;
	readonly blobs: BlobStore;
	readonly keys: KeyStore;
	/** Who may use it; without tokens, everyone who reaches it, and all are one owner. */
	readonly tokens?: readonly Token[] | undefined;
	readonly limits?: Partial<ServiceLimits> | undefined;
	readonly metrics?: ServiceMetrics | undefined;
	/** Once it fires, new evaluations are refused as 'busy'; those that were accepted can still be asked about. */
	readonly stopping?: AbortSignal | undefined;
};

/** What the routes share. */
export type Context = ServiceOptions & {
	readonly card: ModelCard;
	readonly limits: ServiceLimits;
	readonly places: Places;
	/** Bytes of each evaluation key, and of each part of the inputs. */
	readonly keyLengths: readonly number[];
	readonly inputLengths: readonly number[];
	/** Fires when the server closes: nobody waits any longer. */
	readonly closing: AbortSignal;
};

export const contextOf = (options: ServiceOptions, closing: AbortSignal): Context => {
	const { client } = options.program;
	const limits = { ...DEFAULT_LIMITS, ...options.limits };
	return {
		...options,
		card: modelCard(options.program),
		limits,
		places: new Places(limits.uploads, limits.uploadsPerToken),
		keyLengths: keyLengths(client.parameters, client.keys),
		inputLengths: inputLengths(client),
		closing,
	};
};

/** Whose request it is, and which evaluation it is about: what the log says of it. */
export type Caller = { readonly owner: string; readonly job?: string };
export const CALLER = 'onnxSealCaller';

export const ownerOfRequest = (request: FastifyRequest): string => request.getDecorator<Caller>(CALLER).owner;

/** The body of a request, exactly so many bytes. Its stated length is looked at now, its bytes once it is read. */
export const bodyOf = ({ limits, metrics }: Context, request: FastifyRequest, length: number): Chunks => {
	checkStatedLength(request.headers['content-length'], length);
	const { idleMs, bytesPerSecond } = limits;
	return counted(exactBody(request.body as Readable, { length, idleMs, bytesPerSecond }), metrics);
};

async function* counted(chunks: Chunks, metrics: ServiceMetrics | undefined): Chunks {
	for await (const chunk of chunks) {
		metrics?.received(chunk.length);
		yield chunk;
	}
}
