import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import {
	errorCodes,
	type FastifyInstance,
	type FastifyPluginAsync,
	type FastifyReply,
	type FastifyRequest,
} from 'fastify';
import { refusalBody, refusalOf } from './answers.ts';
import { ownerOf } from './auth.ts';
import { discardRest } from './body.ts';
import { CALLER, type Caller, type Context, contextOf, ownerOfRequest, type ServiceOptions } from './context.ts';
import { ServiceError } from './errors.ts';
import { evaluationRoutes } from './evaluationRoutes.ts';
import { keyRoutes } from './keyRoutes.ts';
import { documentOf, documentOptions, modelRoutes } from './modelRoutes.ts';

const MINUTE = 60_000;
const NOBODY: Caller = { owner: '' };

/**
 * The service over HTTP for an existing fastify app, as docs/http.md has it: `app.register(service, { prefix: '/digits', ...options })`.
 * An app takes several of them, with a prefix each. What it was given stays open when the app closes.
 */
export const service: FastifyPluginAsync<ServiceOptions> = async (app, options) => {
	const closing = new AbortController();
	const context = contextOf(options, closing.signal);
	app.addHook('preClose', async () => closing.abort());
	app.decorateRequest(CALLER);
	app.setErrorHandler((error, request, reply) => refuse(context, error, request, reply));
	app.addHook('onRequest', async (request) => request.setDecorator(CALLER, NOBODY));
	app.addHook('onResponse', async (request, reply) => record(context, request, reply));
	takeBytesOnly(app);
	await app.register(swagger, documentOptions(options.tokens !== undefined));
	await app.register(rateLimit, { global: false });
	limitAddresses(app, context);
	await app.register(modelRoutes(context, () => documentOf(app)));
	await app.register(async (inner) => {
		admitOwners(inner, context);
		await inner.register(keyRoutes(context));
		await inner.register(evaluationRoutes(context, app.prefix));
	});
};

/** Bodies are bytes that the routes read as they come; those of other types, and compressed ones, are refused unread. */
const takeBytesOnly = (app: FastifyInstance): void => {
	app.removeAllContentTypeParsers();
	app.addContentTypeParser('application/octet-stream', ({ headers }, payload, done) => {
		const encoding = headers['content-encoding'] ?? 'identity';
		if (encoding === 'identity') done(null, payload);
		else done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(encoding));
	});
};

type Limiter = ReturnType<FastifyInstance['createRateLimit']>;

const checkRate = async (limiter: Limiter, request: FastifyRequest, whose: string): Promise<void> => {
	const result = await limiter(request);
	if (result.isAllowed || !result.isExceeded) return;
	throw new ServiceError(
		'too-many',
		`more than ${result.max} requests in a minute ${whose}`,
		'Send them more slowly.',
		Math.max(1, result.ttlInSeconds),
	);
};

const limitAddresses = (app: FastifyInstance, { limits }: Context): void => {
	const limiter = app.createRateLimit({ max: limits.addressRequestsPerMinute, timeWindow: MINUTE });
	app.addHook('onRequest', (request) => checkRate(limiter, request, 'from one address'));
};

/** Lets in who shows a token, as often as one may; everyone, where there are no tokens. */
const admitOwners = (app: FastifyInstance, { tokens, limits }: Context): void => {
	if (tokens === undefined) return;
	const limiter = app.createRateLimit({
		max: limits.requestsPerMinute,
		timeWindow: MINUTE,
		keyGenerator: ownerOfRequest,
	});
	app.addHook('onRequest', async (request) => {
		request.setDecorator<Caller>(CALLER, { owner: ownerOf(tokens, request.headers.authorization) });
		await checkRate(limiter, request, 'with one token');
	});
};

const hasBody = ({ headers }: FastifyRequest): boolean =>
	headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Every refusal is answered here. The connection is closed where more of the body would come than is worth reading. */
const refuse = async (
	{ metrics }: Context,
	error: unknown,
	request: FastifyRequest,
	reply: FastifyReply,
): Promise<FastifyReply> => {
	const refusal = refusalOf(error);
	metrics?.refused(refusal.code);
	if (refusal.code === 'defect') request.log.error({ err: error }, 'a defect');
	if (hasBody(request) && !(await discardRest(request.raw))) reply.header('connection', 'close');
	if (refusal.retryAfter !== undefined) reply.header('retry-after', String(refusal.retryAfter));
	if (refusal.status === 401) reply.header('www-authenticate', 'Bearer');
	return reply.code(refusal.status).send(refusalBody(refusal));
};

/** One line for each request, without anything of its headers, its body or its token. */
const record = ({ metrics }: Context, request: FastifyRequest, reply: FastifyReply): void => {
	const { method } = request;
	const route = request.routeOptions.url ?? '';
	const status = reply.statusCode;
	const { owner, job } = request.getDecorator<Caller>(CALLER);
	request.log.info({ method, route, status, ms: Math.round(reply.elapsedTime), owner, job }, 'answered');
	metrics?.answered({ method, route, status });
	metrics?.sent(Number(reply.getHeader('content-length') ?? 0));
};
