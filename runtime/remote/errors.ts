/** What a service, or the way to it, refused; refusals of the runtime itself stay `RefusedError`. */
export type RemoteErrorCode =
	| 'unauthorized' // no token, or one that the service does not know
	| 'forbidden' // the token may not do this
	| 'not-found' // no service, evaluation or key set there
	| 'conflict' // the same name with other content
	| 'too-large' // more bytes than the service takes
	| 'too-many' // the rate limit, or the quota of keys
	| 'busy' // too much waits already, or the service is stopping
	| 'timeout' // no answer in time
	| 'network' // no answer at all
	| 'defect' // the service failed without saying why
	| 'protocol'; // an answer that is not what docs/http.md promises

type RemoteErrorDetails = {
	/** The HTTP status; undefined where there was no answer. */
	readonly status?: number | undefined;
	readonly hint?: string | undefined;
	/** Seconds after which the service asked to be asked again. */
	readonly retryAfter?: number | undefined;
};

/** A sentence that says what went wrong between client and service, and a hint that says what would help. */
export class RemoteError extends Error {
	override readonly name = 'RemoteError';
	readonly code: RemoteErrorCode;
	readonly status: number | undefined;
	readonly hint: string | undefined;
	readonly retryAfter: number | undefined;

	constructor(code: RemoteErrorCode, message: string, { status, hint, retryAfter }: RemoteErrorDetails = {}) {
		super(message);
		this.code = code;
		this.status = status;
		this.hint = hint;
		this.retryAfter = retryAfter;
	}
}

/** The answer is not what docs/http.md promises. */
export const broken = (what: string, status?: number): RemoteError =>
	new RemoteError('protocol', `the service answered with ${what}`, {
		status,
		hint: 'Is the address that of an onnx-seal service of the same version?',
	});
