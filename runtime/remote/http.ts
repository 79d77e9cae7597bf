import { RefusedError } from '../errors.ts';
import { checkAborted } from '../pace.ts';
import { broken, RemoteError } from './errors.ts';

/** What `globalThis.fetch` is, as far as it is used here. */
export type Fetch = (url: URL, init: RequestInit) => Promise<Response>;

/** One request below the address of the service. */
export type Request = {
	readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
	/** Relative to the address of the service: "v1/model". */
	readonly path: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: Uint8Array;
	/** The most bytes that the answer may have. */
	readonly limit: number;
	/** Seconds that the service was asked to hold the answer back. */
	readonly wait?: number;
	readonly signal?: AbortSignal | undefined;
};

/** An answer that was read to its end. */
export type Answer = { readonly status: number; readonly headers: Headers; readonly bytes: Uint8Array };

/** An answer may take so long, and longer for what is sent, received and waited for. */
const PATIENCE_MS = 60_000;
/** Slowest line that is waited for. */
const BYTES_PER_MS = 16;
const LONGEST_TIMER = 2 ** 31 - 1;

/** Milliseconds for a request of which so many bytes cross the line. */
const patience = (wait: number, bytes: number): number =>
	Math.min(Math.ceil(PATIENCE_MS + 1000 * wait + bytes / BYTES_PER_MS), LONGEST_TIMER);

/** What the header takes (RFC 6750). An error of `fetch` would say the token. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** The folder that `url` names, for requests below it. Throws RefusedError 'misuse'. */
const folderOf = (url: string | URL): URL => {
	if (!URL.canParse(String(url))) throw new RefusedError('misuse', 'the address of the service is no URL');
	const base = new URL(url);
	if (base.protocol !== 'https:' && base.protocol !== 'http:')
		throw new RefusedError('misuse', `the address of the service begins with ${base.protocol}, not with https:`);
	if (base.username !== '' || base.password !== '')
		throw new RefusedError('misuse', 'the address of the service holds a password', 'Give it as `token`.');
	base.search = '';
	base.hash = '';
	if (!base.pathname.endsWith('/')) base.pathname += '/';
	return base;
};

/** The same bytes as what `fetch` takes: no view of shared memory. */
const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
	const { buffer } = bytes;
	return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, bytes.byteOffset, bytes.length) : bytes.slice();
};

/** SHA-256 in the form of the Content-Digest header (RFC 9530). */
export const contentDigest = async (bytes: Uint8Array): Promise<string> => {
	const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', plain(bytes)));
	return `sha-256=:${btoa(String.fromCharCode(...digest))}:`;
};

/** The body, read to its end. Throws RemoteError 'protocol' as soon as it exceeds the limit. */
const readBody = async (response: Response, limit: number): Promise<Uint8Array> => {
	const tooLong = (): RemoteError => broken(`more than the ${limit} bytes that were due`, response.status);
	if (Number(response.headers.get('content-length') ?? 0) > limit) {
		await response.body?.cancel();
		throw tooLong();
	}
	const chunks: Uint8Array[] = [];
	let length = 0;
	const reader = response.body?.getReader();
	for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) {
		chunks.push(next.value);
		length += next.value.length;
		if (length > limit) {
			await reader?.cancel();
			throw tooLong();
		}
	}
	const bytes = new Uint8Array(length);
	let at = 0;
	for (const chunk of chunks) {
		bytes.set(chunk, at);
		at += chunk.length;
	}
	return bytes;
};

/** Sends requests to one service, each with the token; follows no redirection, which would carry the token elsewhere. */
export class Transport {
	readonly #base: URL;
	readonly #token: string | undefined;
	readonly #fetch: Fetch;

	/** Throws RefusedError 'misuse' for an address or a token that cannot be one. */
	constructor(url: string | URL, token: string | undefined, fetch: Fetch | undefined) {
		if (token !== undefined && !TOKEN.test(token))
			throw new RefusedError('misuse', 'the token has characters that no bearer token may have');
		this.#base = folderOf(url);
		this.#token = token;
		this.#fetch = fetch ?? ((target, init) => globalThis.fetch(target, init));
	}

	/** Whatever the service answers. Throws RefusedError 'aborted', RemoteError 'network', 'timeout' or 'protocol'. */
	async send({ method, path, headers, body, limit, wait = 0, signal }: Request): Promise<Answer> {
		checkAborted(signal);
		const deadline = AbortSignal.timeout(patience(wait, (body?.length ?? 0) + limit));
		const init: RequestInit = {
			method,
			headers: { ...headers, ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }) },
			...(body === undefined ? {} : { body: plain(body) }),
			signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
			redirect: 'error',
			cache: 'no-store',
			referrerPolicy: 'no-referrer',
		};
		try {
			const response = await this.#fetch(new URL(path, this.#base), init);
			return { status: response.status, headers: response.headers, bytes: await readBody(response, limit) };
		} catch (error) {
			if (error instanceof RemoteError) throw error;
			checkAborted(signal);
			throw lost(deadline.aborted);
		}
	}
}

const lost = (late: boolean): RemoteError =>
	late
		? new RemoteError('timeout', 'the service did not answer in time')
		: new RemoteError('network', 'the service could not be reached, or the connection was lost', {
				hint: 'Is the address right, and does the service allow requests of this origin?',
			});
