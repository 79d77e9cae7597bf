import { createHash } from 'node:crypto';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Compiled } from '../../compiler/index.ts';
import { RefusedError } from '../../runtime/errors.ts';
import type { ModelCard } from '../../runtime/remote/index.ts';
import { createServer } from '../../runtime/server.ts';
import { keyLengths } from '../../runtime/sizes.ts';

/** The service of docs/http.md as far as a client can see, all of it in memory, with faults where a test wants them. */
export type Seen = {
	readonly method: string;
	readonly path: string;
	readonly headers: IncomingMessage['headers'];
	readonly body: Buffer;
};

/** Instead of the service: an answer, a connection that ends before the request was heard, or one that ends after it was obeyed. */
export type Fault =
	| 'drop'
	| 'lose'
	| {
			readonly status: number;
			readonly headers?: Readonly<Record<string, string>>;
			readonly body?: unknown;
	  };

type Evaluation = {
	readonly input: Buffer;
	state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
	progress?: { step: string; done: number; total: number };
	outputs?: Uint8Array;
	error?: { code: string; message: string };
};

type Answer = { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown };

const refusal = (status: number, code: string, headers = {}): Answer => ({
	status,
	headers,
	body: { error: { code, message: `refused: ${code}`, hint: 'a hint' } },
});

export const cardOf = ({ program: { client }, report }: Compiled): ModelCard => ({
	name: client.name,
	fingerprint: client.fingerprint,
	inputs: client.inputs.map(({ name, shape }) => ({ name, shape })),
	outputs: client.outputs.map(({ name, shape }) => ({ name, shape })),
	batch: client.batch,
	parameters: {
		ringDegree: client.parameters.ringDegree,
		logQ: 100,
		primes: [...client.parameters.primes, client.parameters.specialPrime].map(Math.log2),
		securityBits: client.parameters.security,
	},
	keys: { count: keyLengths(client.parameters, client.keys).length, bytes: report.keys.bytes },
	traffic: { inputBytes: report.traffic.uploadBytes, outputBytes: report.traffic.downloadBytes },
	predicted: { evaluateMs: report.predicted.evaluateMs, bits: report.predicted.bits },
});

type Kept = { readonly keys: Map<string, Map<number, Buffer>>; readonly evaluations: Map<string, Evaluation> };

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks);
};

const write = (response: ServerResponse, { status, headers = {}, body }: Answer): void => {
	const bytes = body instanceof Uint8Array;
	const type = bytes ? 'application/octet-stream' : 'application/json';
	response.writeHead(status, { 'content-type': type, ...headers });
	response.end(body === undefined ? '' : bytes ? body : typeof body === 'string' ? body : JSON.stringify(body));
};

const statusOf = (id: string, { state, progress, error }: Evaluation): object => ({
	id,
	state,
	...(state === 'waiting' ? { position: 0 } : {}),
	...(progress === undefined ? {} : { progress }),
	predictedMs: 5,
	...(error === undefined ? {} : { error }),
});

/** Starts one on a free port of 127.0.0.1. */
export const startFake = async (
	compiled: Compiled,
	{ token, slow = false }: { readonly token?: string; readonly slow?: boolean } = {},
) => {
	const { program } = compiled;
	const lengths = keyLengths(program.client.parameters, program.client.keys);
	const server = await createServer(program.server, program.constants);
	const kept: Kept = { keys: new Map(), evaluations: new Map() };
	const seen: Seen[] = [];
	const faults: { match: (seen: Seen) => boolean; fault: Fault }[] = [];
	const card = cardOf(compiled);

	const keyState = (keySet: string) => {
		const present = [...(kept.keys.get(keySet)?.keys() ?? [])].sort((a, b) => a - b);
		return { keySet, parts: lengths.length, present, complete: present.length === lengths.length, bytes: 0 };
	};

	const evaluate = async (evaluation: Evaluation): Promise<void> => {
		evaluation.state = 'running';
		const keySet = evaluation.input.subarray(40, 56).toString('hex');
		try {
			if (!server.keySets.includes(keySet))
				await server.loadKeyParts(keySet, [...(kept.keys.get(keySet) ?? [])].sort(([a], [b]) => a - b).map(([, key]) => key)); // biome-ignore format: one thought
			const outputs = await server.evaluate(evaluation.input);
			Object.assign(evaluation, { state: 'done', outputs, progress: { step: 'evaluate', done: 1, total: 1 } });
		} catch (error) {
			const code = error instanceof RefusedError ? error.code : 'defect';
			Object.assign(evaluation, { state: 'failed', error: { code, message: String(error) } });
		}
	};

	const putPart = ({ headers, body }: Seen, keySet: string, part: number): Answer => {
		const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
		if (headers['content-digest'] !== digest || body.length !== lengths[part]) return refusal(400, 'message');
		const parts = kept.keys.get(keySet) ?? new Map<number, Buffer>();
		const there = parts.get(part)?.equals(body) === true;
		if (!there && parts.size === lengths.length) return refusal(409, 'conflict');
		kept.keys.set(keySet, parts.set(part, body));
		return { status: there ? 200 : 201, body: { keySet, part, complete: parts.size === lengths.length } };
	};

	const post = async ({ headers, body }: Seen): Promise<Answer> => {
		const id = String(headers['idempotency-key']);
		const before = kept.evaluations.get(id);
		if (before !== undefined && !before.input.equals(body)) return refusal(409, 'conflict');
		if (!keyState(body.subarray(40, 56).toString('hex')).complete) return refusal(409, 'keys');
		const evaluation: Evaluation = before ?? { input: body, state: 'waiting' };
		kept.evaluations.set(id, evaluation);
		if (before === undefined && !slow) {
			const run = evaluate(evaluation);
			if (headers.prefer !== undefined) await run;
		}
		if (evaluation.outputs !== undefined && headers.prefer !== undefined)
			return { status: 200, body: evaluation.outputs };
		return { status: 202, headers: { location: `/v1/evaluations/${id}` }, body: statusOf(id, evaluation) };
	};

	const evaluationAnswer = async (method: string, id: string, outputs: boolean): Promise<Answer> => {
		const evaluation = kept.evaluations.get(id);
		if (evaluation === undefined) return refusal(404, 'not-found');
		if (method === 'DELETE') evaluation.state = 'cancelled';
		if (outputs)
			return evaluation.outputs === undefined ? refusal(409, 'conflict') : { status: 200, body: evaluation.outputs };
		const answer = { status: 200, body: statusOf(id, evaluation) };
		if (evaluation.state === 'waiting') await evaluate(evaluation);
		return answer;
	};

	const route = async (request: Seen): Promise<Answer> => {
		const [, version, kind = '', name = '', sub, part] = request.path.split('/');
		if (version !== 'v1') return refusal(404, 'not-found');
		if (kind === 'model') return { status: 200, body: name === 'client' ? program.client : card };
		if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) return refusal(401, 'unauthorized');
		if (kind === 'keys') {
			if (request.method === 'PUT' && sub === 'parts') return putPart(request, name, Number(part));
			if (request.method === 'DELETE') return kept.keys.delete(name) ? { status: 204 } : refusal(404, 'not-found');
			return kept.keys.has(name) ? { status: 200, body: keyState(name) } : refusal(404, 'not-found');
		}
		if (kind === 'evaluations')
			return name === '' ? post(request) : evaluationAnswer(request.method, name, sub === 'outputs');
		return refusal(404, 'not-found');
	};

	const http = createHttp(async (request, response) => {
		const { method = '', url = '', headers } = request;
		const one: Seen = { method, path: url, headers, body: await bodyOf(request) };
		seen.push(one);
		const index = faults.findIndex(({ match }) => match(one));
		const fault = index < 0 ? undefined : faults.splice(index, 1)[0]?.fault;
		if (typeof fault === 'object') return write(response, fault);
		if (fault === 'drop') return void request.socket.destroy();
		const answer = await route(one);
		if (fault === 'lose') return void request.socket.destroy();
		write(response, answer);
	});
	await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve));
	return {
		url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/`,
		seen,
		kept,
		card,
		/** The next request of this method whose path fits gets this in place of its answer; `times` of them. */
		fail: (method: string, path: RegExp, fault: Fault, times = 1): void => {
			for (let k = 0; k < times; k++)
				faults.push({ match: (one) => one.method === method && path.test(one.path), fault });
		},
		/** Requests of this method whose path fits. */
		count: (method: string, path: RegExp): number =>
			seen.filter((one) => one.method === method && path.test(one.path)).length,
		stop: async (): Promise<void> => {
			http.closeAllConnections();
			await new Promise((resolve) => http.close(resolve));
			await server.dispose();
		},
	};
};
