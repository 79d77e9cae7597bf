import type { FastifyInstance } from 'fastify';

const METHODS = 'GET, PUT, POST, DELETE';
const REQUEST_HEADERS = 'Authorization, Content-Type, Content-Digest, Idempotency-Key, Prefer';
const ANSWER_HEADERS = 'Location, Retry-After, Preference-Applied';
const DAY = 86_400;

/** Lets pages of one origin, or of all ('*'), use the service from browsers. Nothing here depends on cookies. */
export const addCors = (app: FastifyInstance, origin: string): void => {
	app.addHook('onRequest', async (request, reply) => {
		if (origin !== '*') reply.header('vary', 'Origin');
		if (origin !== '*' && request.headers.origin !== origin) return;
		reply.header('access-control-allow-origin', origin).header('access-control-expose-headers', ANSWER_HEADERS);
		if (request.method !== 'OPTIONS') return;
		reply.header('access-control-allow-methods', METHODS).header('access-control-allow-headers', REQUEST_HEADERS);
		return reply.header('access-control-max-age', DAY).code(204).send();
	});
};
