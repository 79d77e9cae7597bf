import type { FastifyError } from 'fastify';
import { RefusedError } from '../errors.ts';
import { LengthRequired } from './body.ts';
import { type AnswerCode, ServiceError } from './errors.ts';

/** What a refused request is told. */
export type Refusal = {
	readonly status: number;
	readonly code: AnswerCode;
	readonly message: string;
	readonly hint: string | undefined;
	readonly retryAfter: number | undefined;
};

/** The status of every code. */
const STATUS: Readonly<Record<AnswerCode, number>> = {
	input: 400,
	message: 400,
	unauthorized: 401,
	forbidden: 403,
	'not-found': 404,
	timeout: 408,
	conflict: 409,
	keys: 409,
	aborted: 409,
	'too-large': 413,
	'too-many': 429,
	program: 500,
	misuse: 500,
	publish: 500,
	defect: 500,
	busy: 503,
	memory: 503,
	stopped: 503,
};

/** What the framework refuses by itself: a body of another type, a header that fits no schema, and the like. */
const CODE_OF: ReadonlyMap<number, AnswerCode> = new Map([
	[401, 'unauthorized'],
	[403, 'forbidden'],
	[404, 'not-found'],
	[408, 'timeout'],
	[413, 'too-large'],
	[429, 'too-many'],
	[503, 'busy'],
]);

/** Seconds after which what is refused for lack of room may be asked for again, where nothing better is known. */
const SOON = 5;

export const refusalWith = (code: AnswerCode, message: string, hint?: string, retryAfter?: number): Refusal => {
	const status = STATUS[code];
	return {
		status,
		code,
		message,
		hint,
		retryAfter: retryAfter ?? (status === 503 ? SOON : undefined),
	};
};

const errorNumber = (error: object): unknown => ('code' in error ? error.code : undefined);

/** Has the disk no room? */
const isFull = (error: unknown): boolean =>
	error instanceof Error && ['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'].includes(String(errorNumber(error)));

/** A message of the framework's own about a request; without quotes of what was sent. */
const refusalOfFramework = ({ statusCode = 500, validation, message }: FastifyError): Refusal | undefined => {
	if (validation !== undefined) return refusalWith('message', message);
	if (statusCode < 400 || (statusCode >= 500 && statusCode !== 503)) return undefined;
	const hint =
		statusCode === 415 ? 'Send bodies with Content-Type: application/octet-stream, not compressed.' : undefined;
	return { ...refusalWith(CODE_OF.get(statusCode) ?? 'message', message, hint), status: statusCode };
};

/** What an error is answered with. Of what is no refusal, a defect of ours, nothing is told. */
export const refusalOf = (error: unknown): Refusal => {
	if (error instanceof ServiceError) return refusalWith(error.code, error.message, error.hint, error.retryAfter);
	if (error instanceof RefusedError) return refusalWith(error.code, error.message, error.hint);
	if (error instanceof LengthRequired) return { ...refusalWith('message', error.message), status: 411 };
	if (isFull(error)) return refusalWith('busy', 'there is no room on the disk, or too much is open at once');
	const framework = error instanceof Error ? refusalOfFramework(error as FastifyError) : undefined;
	return framework ?? refusalWith('defect', 'the service failed', 'Its log says more.');
};

/** The body of an answer. */
export const refusalBody = ({ code, message, hint }: Refusal): { readonly error: object } => ({
	error: hint === undefined ? { code, message } : { code, message, hint },
});
