import type { Readable } from 'node:stream';
import { Type } from 'typebox';
import type { JobState } from './jobs.ts';

/** What the requests and answers of docs/http.md look like: they are checked against these, and the OpenAPI document is made of them. */
const Count = Type.Integer({ minimum: 0 });
const NamedShape = Type.Object({ name: Type.String(), shape: Type.Array(Count) });

/** Bytes: neither read nor checked by the framework. */
const bytes = { contentMediaType: 'application/octet-stream' };
export const BytesBody = { content: { 'application/octet-stream': { schema: Type.Unsafe<Readable>(bytes) } } } as const;
export const BytesReply = (description: string) => ({
	description,
	content: { 'application/octet-stream': { schema: Type.Unsafe<Uint8Array>(bytes) } },
});

const KeySetName = Type.String({
	pattern: '^[0-9a-f]{32}$',
	description: 'Name of a key set, as `Client.keySet`.',
});
const RequestId = Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$', description: 'Chosen by the client, at random.' });

export const KeySetParams = Type.Object({ keySet: KeySetName });
export const KeyPartParams = Type.Object({
	keySet: KeySetName,
	part: Type.String({ pattern: '^(0|[1-9][0-9]{0,5})$', description: 'Its place among the evaluation keys.' }),
});
export const EvaluationParams = Type.Object({ id: RequestId });
export const EvaluationHeaders = Type.Object({
	'idempotency-key': RequestId,
	prefer: Type.Optional(Type.String({ maxLength: 200, description: '`wait=<seconds>`, at most 60 (RFC 7240).' })),
});
export const WaitHeaders = Type.Object({ prefer: EvaluationHeaders.properties.prefer });
export const DigestHeaders = Type.Object({
	'content-digest': Type.String({ maxLength: 500, description: '`sha-256=:<base64>:` of the body (RFC 9530).' }),
});

export const Card = Type.Object({
	name: Type.String(),
	fingerprint: Type.String({ pattern: '^[0-9a-f]{64}$' }),
	inputs: Type.Array(NamedShape),
	outputs: Type.Array(NamedShape),
	batch: Count,
	parameters: Type.Object({
		ringDegree: Count,
		logQ: Type.Number(),
		primes: Type.Array(Type.Number()),
		securityBits: Count,
	}),
	keys: Type.Object({ count: Count, bytes: Count }),
	traffic: Type.Object({ inputBytes: Count, outputBytes: Count }),
	predicted: Type.Object({ evaluateMs: Type.Number(), bits: Type.Number() }),
});

export const KeySetStatus = Type.Object({
	keySet: KeySetName,
	parts: Count,
	present: Type.Array(Count),
	complete: Type.Boolean(),
	bytes: Count,
});
export const KeyPartStatus = Type.Object({ keySet: KeySetName, part: Count, complete: Type.Boolean() });

const ErrorDetail = Type.Object({
	code: Type.String(),
	message: Type.String(),
	hint: Type.Optional(Type.String()),
});
const RefusalReply = Type.Object({ error: ErrorDetail }, { description: 'A refusal' });

export const EvaluationStatus = Type.Object({
	id: RequestId,
	state: Type.Unsafe<JobState>({ type: 'string', enum: ['waiting', 'running', 'done', 'failed', 'cancelled'] }),
	position: Type.Optional(Count),
	progress: Type.Optional(Type.Object({ step: Type.String(), done: Count, total: Count })),
	predictedMs: Type.Number({ description: 'Until it is done, as predicted.' }),
	error: Type.Optional(ErrorDetail),
});

/** The answers that every request may get. */
export const refusals = { '4xx': RefusalReply, '5xx': RefusalReply } as const;
