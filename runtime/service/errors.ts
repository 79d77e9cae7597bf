import type { RefusalCode } from '../errors.ts';

/** What the service refuses by itself, before any program sees it. */
export type ServiceCode =
	| 'unauthorized' // no token, or one that is unknown
	| 'forbidden' // a token that may not do this
	| 'not-found' // nothing of this name that the caller owns
	| 'conflict' // it contradicts what is there already
	| 'too-large' // more bytes than this can have
	| 'too-many' // a quota or a rate limit; later, or after something was removed
	| 'busy' // no room now, or shutting down; the same request again, later
	| 'timeout'; // what was waited for did not come in time

/** A sentence that says what and why, a hint that says what would help, and after how many seconds to ask again. */
export class ServiceError extends Error {
	override readonly name = 'ServiceError';
	readonly code: ServiceCode;
	readonly hint: string | undefined;
	readonly retryAfter: number | undefined;

	constructor(code: ServiceCode, message: string, hint?: string, retryAfter?: number) {
		super(message);
		this.code = code;
		this.hint = hint;
		this.retryAfter = retryAfter;
	}
}

/** Any code that an answer can carry. */
export type AnswerCode = ServiceCode | RefusalCode | 'defect';
