import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, LogController } from 'fastify';
import { refusalBody, refusalOf, refusalWith } from './answers.ts';
import type { ServiceOptions } from './context.ts';
import { addCors } from './cors.ts';
import { DEFAULT_LIMITS, hasRoom } from './limits.ts';
import { makeMetrics, type ServiceMetrics } from './metrics.ts';
import { service } from './plugin.ts';

export type AppOptions = ServiceOptions & {
	readonly metrics?: ServiceMetrics | undefined;
	/** Origin of pages that may use the service from a browser, or '*'. */
	readonly cors?: string | undefined;
	/** Addresses and networks of the proxies in front, whose word on a client's address is taken; default: none. */
	readonly trustProxy?: readonly string[] | undefined;
	/** Where lines of JSON go; without it there is no log. */
	readonly log?: { readonly write: (line: string) => void } | undefined;
	readonly level?: 'info' | 'warn' | undefined;
};

const HEADERS_MS = 10_000;
/** The longest answer that is held back, and some more. */
const IDLE_CONNECTION_MS = 90_000;
const MOST_CONNECTIONS = 1000;

/** What would say more than it should, should a line ever hold it. */
const redact = {
	paths: ['req.headers', 'headers', 'authorization', 'token', 'body', '*.headers', '*.token'],
	remove: true,
};

/**
 * A whole application around one service: its routes, health, readiness and metrics, its log, and answers in one form also to what is
 * no request at all. Listens to nothing yet.
 */
export const makeApp = async (options: AppOptions): Promise<FastifyInstance> => {
	const { log, level = 'info', cors, trustProxy } = options;
	const metrics = options.metrics ?? makeMetrics();
	metrics.watch(options.queue, options.keys);
	const app: FastifyInstance = Fastify({
		logger: log === undefined ? false : { level, stream: log, redact },
		logController: new LogController({ disableRequestLogging: true }),
		routerOptions: { maxParamLength: 200 },
		exposeHeadRoutes: false,
		trustProxy: trustProxy === undefined ? false : [...trustProxy],
		forceCloseConnections: 'idle',
		connectionTimeout: IDLE_CONNECTION_MS,
		keepAliveTimeout: 30_000,
		http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: 2000, maxHeaderSize: 8192 },
		clientErrorHandler: answerBroken,
		frameworkErrors: (error, _request, reply) => void answer(reply, error),
	});
	app.server.maxConnections = MOST_CONNECTIONS;
	app.setErrorHandler((error: FastifyError, _request, reply) => answer(reply, error));
	app.setNotFoundHandler((_request, reply) => {
		const refusal = refusalWith('not-found', 'there is nothing here', 'GET v1/openapi.json says what there is.');
		return reply.code(refusal.status).send(refusalBody(refusal));
	});
	if (cors !== undefined) addCors(app, cors);
	addHealth(app, options);
	app.get('/metrics', async (_request, reply) =>
		reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
	);
	await app.register(service, { ...options, metrics });
	return app;
};

const answer = (reply: FastifyReply, error: unknown): FastifyReply => {
	const refusal = refusalOf(error);
	if (refusal.code === 'defect') reply.log.error({ err: error }, 'a defect');
	return reply.code(refusal.status).send(refusalBody(refusal));
};

/** Is it alive, and would it take an evaluation now? */
const addHealth = (app: FastifyInstance, { queue, program, limits, stopping }: ServiceOptions): void => {
	const all = { ...DEFAULT_LIMITS, ...limits };
	const whyNot = async (): Promise<string | undefined> => {
		if (stopping?.aborted === true) return 'shutting down';
		const load = await queue.load().catch(() => undefined);
		if (load === undefined) return 'the queue cannot be reached';
		if (load.workers === 0) return 'no worker';
		return hasRoom(load, program.predicted.evaluateMs, all) ? undefined : 'too many evaluations wait';
	};
	app.get('/healthz', async () => ({ alive: true }));
	app.get('/readyz', async (_request, reply) => {
		const why = await whyNot();
		return reply.code(why === undefined ? 200 : 503).send(why === undefined ? { ready: true } : { ready: false, why });
	});
};

/** What the parser of HTTP refuses, and who does not get on with a request. */
const answerBroken = (error: Error & { readonly code?: string }, socket: Socket): void => {
	if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
	const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
	const status = late ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
	const body = JSON.stringify(
		refusalBody(refusalWith(late ? 'timeout' : 'message', late ? 'the request came too slowly' : 'this is no request')),
	);
	socket.end(
		[
			`HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
			'Content-Type: application/json; charset=utf-8',
			`Content-Length: ${Buffer.byteLength(body)}`,
			`Connection: close\r\n\r\n${body}`,
		].join('\r\n'),
	);
};
