import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Context } from './context.ts';
import { Card, refusals } from './schemas.ts';

/** What everyone may ask, without a token: the card, the client's half of the program and what the API looks like. */
export const modelRoutes =
	({ card, program }: Context, openApi: () => object): FastifyPluginAsyncTypebox =>
	async (app) => {
		const client = JSON.stringify(program.client);

		app.get(
			'/v1/model',
			{
				schema: {
					summary: 'Which program this is, and what using it costs',
					security: [],
					response: { 200: Card, ...refusals },
				},
			},
			async () => ({
				...card,
				inputs: card.inputs.map(({ name, shape }) => ({ name, shape: [...shape] })),
				outputs: card.outputs.map(({ name, shape }) => ({ name, shape: [...shape] })),
				parameters: { ...card.parameters, primes: [...card.parameters.primes] },
			}),
		);

		app.get(
			'/v1/model/client',
			{
				schema: {
					summary: "The client's half of the program",
					security: [],
					response: { 200: Type.Any(), ...refusals },
				},
			},
			async (_request, reply) => reply.type('application/json; charset=utf-8').send(client),
		);

		app.get('/v1/openapi.json', { schema: { hide: true } }, async () => openApi());
	};

/** The name that the document of this service has in its app, which may have documents of its own. */
const DOCUMENT = 'onnxSealDocument';

/** Options of @fastify/swagger for a service with or without tokens. */
export const documentOptions = (withTokens: boolean) => ({
	decorator: DOCUMENT,
	openapi: {
		openapi: '3.1.0',
		info: {
			title: 'onnx-seal',
			description: 'Private inference: the client encrypts, the service evaluates on ciphertexts.',
			version: '1',
		},
		components: { securitySchemes: { token: { type: 'http' as const, scheme: 'bearer' } } },
		...(withTokens ? { security: [{ token: [] }] } : {}),
	},
});

/** The document that @fastify/swagger makes of the routes of this app. */
export const documentOf = (app: FastifyInstance): object => app.getDecorator<() => object>(DOCUMENT)();
