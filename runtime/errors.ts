/** What a refusal is about; the command line maps every one of them to exit status 3. */
export type RefusalCode =
	| 'input' // a tensor of the wrong name, shape or value
	| 'message' // bytes from outside that are not what the program expects
	| 'keys' // evaluation keys missing or of another key set
	| 'memory' // would not fit; refused before it is spent
	| 'program' // a build directory that is broken or of another version
	| 'aborted' // the caller's AbortSignal fired; its reason is the `cause`
	| 'publish' // a result that must not be shared in the way asked for
	| 'stopped' // a thread that computed was lost; asking again has new ones
	| 'misuse'; // a backend was asked for something CKKS cannot do (levels or scales differ)

/** The runtime's one typed error: a sentence that says what and why, and a hint that says what would help. */
export class RefusedError extends Error {
	override readonly name = 'RefusedError';
	readonly code: RefusalCode;
	readonly hint: string | undefined;

	constructor(code: RefusalCode, message: string, hint?: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
		this.hint = hint;
	}
}

const CODES: Readonly<Record<RefusalCode, true>> = {
	input: true,
	message: true,
	keys: true,
	memory: true,
	program: true,
	aborted: true,
	publish: true,
	stopped: true,
	misuse: true,
};

/** Is a code from elsewhere, another process say, one of these? */
export const isRefusalCode = (code: string): code is RefusalCode => Object.hasOwn(CODES, code);
