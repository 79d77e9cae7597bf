import { isRefusalCode, RefusedError } from '../errors.ts';
import { RemoteError, type RemoteErrorCode } from './errors.ts';
import type { Answer } from './http.ts';

/** What a status means where the answer does not say more. */
const BY_STATUS = new Map<number, RemoteErrorCode>([
	[401, 'unauthorized'],
	[403, 'forbidden'],
	[404, 'not-found'],
	[408, 'timeout'],
	[409, 'conflict'],
	[413, 'too-large'],
	[429, 'too-many'],
	[502, 'busy'],
	[503, 'busy'],
	[504, 'timeout'],
]);
const SERVICE = new Set<string>(BY_STATUS.values());
const isServiceCode = (code: string): code is RemoteErrorCode => SERVICE.has(code);

const LONGEST_TEXT = 1000;

/** A text of the other side as it may be shown: of one line, and not too long. */
const textOf = (value: unknown): string | undefined =>
	typeof value === 'string' ? value.slice(0, LONGEST_TEXT).replace(/\p{Cc}+/gu, ' ') : undefined;

/** The object in these bytes; undefined where there is none. */
export const jsonOf = (bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined => {
	try {
		const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
		return typeof value === 'object' && value !== null && !Array.isArray(value)
			? (value as Readonly<Record<string, unknown>>)
			: undefined;
	} catch {
		return undefined;
	}
};

/** `Retry-After` as seconds, from now on where it is a date; undefined where there is none. */
const retryAfterOf = (headers: Headers): number | undefined => {
	const text = headers.get('retry-after');
	if (text === null) return undefined;
	if (/^\d{1,9}$/.test(text)) return Number(text);
	const seconds = (Date.parse(text) - Date.now()) / 1000;
	return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
};

/** What the service says of an evaluation or a request that failed: `{ code, message, hint? }`. */
export const errorOf = (error: unknown, status?: number, retryAfter?: number): RefusedError | RemoteError => {
	const fields = typeof error === 'object' && error !== null ? (error as Readonly<Record<string, unknown>>) : {};
	const { code } = fields;
	const fallback = BY_STATUS.get(status ?? 0) ?? 'defect';
	const message = textOf(fields.message) ?? `the service answered with the status ${status ?? 'failed'}`;
	const hint = textOf(fields.hint);
	if (typeof code === 'string' && isRefusalCode(code)) return new RefusedError(code, message, hint);
	const known = typeof code === 'string' && isServiceCode(code) ? code : fallback;
	return new RemoteError(known, message, { status, hint, retryAfter });
};

/** Why a request failed, and whether the same request may succeed later: `after` seconds, where the service says so. */
export type Failure = {
	readonly error: RefusedError | RemoteError;
	readonly status: number | undefined;
	readonly again: boolean;
	readonly after: number | undefined;
};

const AGAIN = new Set([408, 429, 502, 503, 504]);

/** The refusal in an answer; undefined for one that refuses nothing. */
export const failureOf = ({ status, headers, bytes }: Answer): Failure | undefined => {
	if (status < 300) return undefined;
	const after = retryAfterOf(headers);
	// A quota that is full says no time: waiting does not empty it.
	const again = AGAIN.has(status) && (status !== 429 || after !== undefined);
	return { error: errorOf(jsonOf(bytes)?.error, status, after), status, again, after };
};
