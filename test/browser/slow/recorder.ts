import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';

/** All that a server can know of one request. */
export type Recorded = {
	readonly method: string;
	readonly path: string;
	/** The first line and all headers. */
	readonly head: string;
	readonly body: Buffer;
};

type Refusal = { readonly status: number; readonly message: string };

/** Called before a request is passed on: waits, or refuses it. */
export type Gate = (asked: Recorded) => Promise<Refusal | undefined> | Refusal | undefined;

/** A way to a server on which everything that is sent to it is recorded. */
export type Recorder = {
	/** In the place of the server's. */
	readonly url: string;
	readonly requests: readonly Recorded[];
	/** Replaces what requests have to pass; without one, all do. */
	readonly guard: (gate?: Gate) => void;
	readonly close: () => Promise<void>;
};

const headOf = ({ method, url, rawHeaders }: IncomingMessage): string => {
	const pairs = rawHeaders.flatMap((text, i) => (i % 2 === 0 ? [`${text}: ${rawHeaders[i + 1]}`] : []));
	return [`${method} ${url}`, ...pairs].join('\n');
};

const bodyOf = async (from: IncomingMessage): Promise<Buffer> => Buffer.concat(await from.toArray());

/**
 * Passes requests on to `target`, an origin. Texts of `prefixes` are put in front of what the server answers for their path. Bodies of
 * requests are passed on when they are there as a whole, and kept in memory.
 */
export const startRecorder = async (
	target: string,
	prefixes: ReadonlyMap<string, string> = new Map(),
): Promise<Recorder> => {
	const requests: Recorded[] = [];
	let gate: Gate | undefined;

	const pass = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
		const { method = '', url: path = '', headers } = incoming;
		const asked = { method, path, head: headOf(incoming), body: await bodyOf(incoming) };
		requests.push(asked);
		const refusal = await gate?.(asked);
		if (refusal !== undefined) {
			const { status, message } = refusal;
			answer.writeHead(status, { 'content-type': 'application/json' });
			answer.end(JSON.stringify({ error: { code: 'forbidden', message } }));
			return;
		}
		const { host: _, connection: __, ...rest } = headers;
		const outgoing = request(new URL(path, target), { method, headers: rest });
		outgoing.end(asked.body);
		const [received] = (await once(outgoing, 'response')) as [IncomingMessage];
		const bytes = Buffer.concat([Buffer.from(prefixes.get(path) ?? ''), await bodyOf(received)]);
		const { 'transfer-encoding': ___, connection: ____, ...answered } = received.headers;
		answer.writeHead(received.statusCode ?? 500, { ...answered, 'content-length': bytes.length });
		answer.end(bytes);
	};

	const server = createServer((incoming, answer) => {
		pass(incoming, answer).catch(() => answer.destroy());
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	const address = server.address();
	if (address === null || typeof address === 'string') throw new Error('no port');
	return {
		url: `http://127.0.0.1:${address.port}/`,
		requests,
		guard: (next) => {
			gate = next;
		},
		close: async () => {
			server.closeAllConnections();
			await new Promise((done) => server.close(done));
		},
	};
};
