import { createHash } from 'node:crypto';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RefusedError } from '../errors.ts';
import { messageLength } from '../sizes.ts';
import { nameOf } from './body.ts';
import { bodyOf, CALLER, type Caller, type Context, ownerOfRequest } from './context.ts';
import { ServiceError } from './errors.ts';
import { withInputs } from './inputs.ts';
import type { JobStatus } from './jobs.ts';
import { checkRoom, waitingMs } from './limits.ts';
import {
	BytesBody,
	BytesReply,
	EvaluationHeaders,
	EvaluationParams,
	EvaluationStatus,
	refusals,
	WaitHeaders,
} from './schemas.ts';
import { Turns } from './turns.ts';
import { isOver, secondsToWait, waitFor } from './waits.ts';

/** The id of a job: another one for each owner, so that the ids of others lead nowhere. Says nothing of the request's id. */
const jobId = (owner: string, id: string): string =>
	`e${createHash('sha256')
		.update(JSON.stringify([owner, id]))
		.digest('hex')
		.slice(0, 32)}`;

/** The job of a request, which the log will name. */
const jobOf = (request: FastifyRequest, id: string): { readonly owner: string; readonly job: string } => {
	const owner = ownerOfRequest(request);
	const job = jobId(owner, id);
	request.setDecorator<Caller>(CALLER, { owner, job });
	return { owner, job };
};

const unknownEvaluation = (): ServiceError =>
	new ServiceError('not-found', 'there is no evaluation of this id, or no more', 'Send the inputs again.');

/** What was asked for, if it is this owner's. Throws ServiceError 'not-found'. */
const owned = (status: JobStatus | undefined, owner: string): JobStatus => {
	if (status === undefined || status.owner !== owner) throw unknownEvaluation();
	return status;
};

/** Milliseconds until it is done, as predicted. */
const remainingMs = async ({ queue, card }: Context, { state, position, progress }: JobStatus): Promise<number> => {
	const { evaluateMs } = card.predicted;
	if (isOver(state)) return 0;
	if (state === 'waiting') {
		const { running, workers } = await queue.load();
		return evaluateMs + waitingMs({ waiting: position ?? 0, running, workers }, evaluateMs);
	}
	const { done, total } = progress ?? { done: 0, total: 1 };
	return evaluateMs * (1 - done / Math.max(total, 1));
};

/** A status as the API tells it, under the id that the client chose. */
const statusBody = async (context: Context, id: string, status: JobStatus) => {
	const { state, position, progress, error } = status;
	return {
		id,
		state,
		...(position === undefined ? {} : { position }),
		...(progress === undefined
			? {}
			: { progress: { step: progress.stage, done: progress.done, total: progress.total } }),
		predictedMs: Math.round(100 * (await remainingMs(context, status))) / 100,
		...(error === undefined ? {} : { error }),
	};
};

/** The outputs message. Throws the refusal that the evaluation ended with, or why there are no outputs. */
const outputsOf = async ({ blobs }: Context, { state, output, error }: JobStatus): Promise<Uint8Array> => {
	if (error !== undefined) {
		if (error.code === 'defect') throw new Error(`an evaluation failed: ${error.message}`);
		throw new RefusedError(error.code, error.message, error.hint);
	}
	if (state === 'cancelled') throw new RefusedError('aborted', 'the evaluation was cancelled');
	if (state !== 'done' || output === undefined)
		throw new ServiceError('conflict', 'the evaluation is not done', 'Ask for its status first.');
	const bytes = await blobs.get(output);
	if (bytes === undefined) throw unknownEvaluation();
	return bytes;
};

/** The same id with the same bytes is the same evaluation. */
const checkSame = (status: JobStatus, input: string): JobStatus => {
	if (status.input !== input)
		throw new ServiceError('conflict', 'other inputs came with this Idempotency-Key', 'Choose another one.');
	return status;
};

/** Stores the inputs and queues their evaluation, where there is room for it. */
const submitNew = async (context: Context, request: FastifyRequest, owner: string, job: string): Promise<JobStatus> => {
	const { queue, limits, card, stopping } = context;
	if (stopping?.aborted === true)
		throw new ServiceError('busy', 'the service is shutting down', 'Send the same request again later.');
	checkRoom(await queue.load(), card.predicted.evaluateMs, limits);
	const body = bodyOf(context, request, messageLength(context.inputLengths));
	return withInputs(context, owner, body, async ({ input, keySet, keys }) =>
		checkSame(await queue.submit({ id: job, owner, keySet, input, keys }), input),
	);
};

/** The evaluation of a request: the one that its id had before, or a new one. */
const submit = async (context: Context, request: FastifyRequest, owner: string, job: string): Promise<JobStatus> => {
	const known = await context.queue.status(job);
	if (known === undefined) return submitNew(context, request, owner, job);
	return checkSame(known, await nameOf(bodyOf(context, request, messageLength(context.inputLengths))));
};

/** Fires when nobody waits for the answer any longer. */
const goneOf = (reply: FastifyReply, closing: AbortSignal): AbortSignal => {
	const gone = new AbortController();
	reply.raw.once('close', () => gone.abort());
	return AbortSignal.any([gone.signal, closing]);
};

export const evaluationRoutes =
	(context: Context, prefix: string): FastifyPluginAsyncTypebox =>
	async (app) => {
		const { queue, places, closing } = context;
		const turns = new Turns();

		app.post(
			'/v1/evaluations',
			{
				schema: {
					summary: 'Evaluate the program on encrypted inputs',
					headers: EvaluationHeaders,
					body: BytesBody,
					response: { 200: BytesReply('The outputs message'), 202: EvaluationStatus, ...refusals },
				},
			},
			async (request, reply) => {
				const id = request.headers['idempotency-key'];
				const seconds = secondsToWait(request.headers.prefer);
				const { owner, job } = jobOf(request, id);
				const submitted = await turns.after(job, () =>
					places.during(owner, () => submit(context, request, owner, job)),
				);
				const over = (status: JobStatus): boolean => isOver(status.state);
				const status = await waitFor(queue, owned(submitted, owner), seconds, over, goneOf(reply, closing));
				if (seconds > 0) reply.header('preference-applied', `wait=${seconds}`);
				if (seconds > 0 && status.state === 'done')
					return reply.type('application/octet-stream').send(await outputsOf(context, status));
				return reply
					.code(202)
					.header('location', `${prefix}/v1/evaluations/${id}`)
					.send(await statusBody(context, id, status));
			},
		);

		app.get(
			'/v1/evaluations/:id',
			{
				schema: {
					summary: 'How far an evaluation is',
					params: EvaluationParams,
					headers: WaitHeaders,
					response: { 200: EvaluationStatus, ...refusals },
				},
			},
			async (request, reply) => {
				const { id } = request.params;
				const seconds = secondsToWait(request.headers.prefer);
				const { owner, job } = jobOf(request, id);
				const seen = owned(await queue.status(job), owner);
				const changed = (status: JobStatus): boolean => isOver(status.state) || status !== seen;
				const status = await waitFor(queue, seen, seconds, changed, goneOf(reply, closing));
				if (seconds > 0) reply.header('preference-applied', `wait=${seconds}`);
				return statusBody(context, id, status);
			},
		);

		app.get(
			'/v1/evaluations/:id/outputs',
			{
				schema: {
					summary: 'The encrypted outputs',
					params: EvaluationParams,
					response: { 200: BytesReply('The outputs message'), ...refusals },
				},
			},
			async (request, reply) => {
				const { owner, job } = jobOf(request, request.params.id);
				const bytes = await outputsOf(context, owned(await queue.status(job), owner));
				return reply.type('application/octet-stream').send(bytes);
			},
		);

		app.delete(
			'/v1/evaluations/:id',
			{
				schema: {
					summary: 'Cancel an evaluation',
					params: EvaluationParams,
					response: { 200: EvaluationStatus, ...refusals },
				},
			},
			async (request) => {
				const { owner, job } = jobOf(request, request.params.id);
				const status = owned(await queue.status(job), owner);
				const after = isOver(status.state) ? status : owned(await queue.cancel(job), owner);
				return statusBody(context, request.params.id, after);
			},
		);
	};
