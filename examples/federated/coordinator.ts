import { createHash, randomBytes } from 'node:crypto';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { Type } from 'typebox';
import { checkInput, joinInputs, type Server } from '../../runtime/server.ts';
import { refusalBody, refusalOf } from '../../runtime/service/answers.ts';
import { ownerOf, type Token } from '../../runtime/service/auth.ts';
import { ServiceError } from '../../runtime/service/errors.ts';
import { inputLength, messageLength } from '../../runtime/sizes.ts';
import { cpuMilliseconds } from '../cpu.ts';
import { type RoundLog, type RoundRules, Rounds, type Verdict } from './rounds.ts';

/**
 * The server of a federation over HTTP: it admits users, opens rounds, takes encrypted updates and adds them up. It has the program and
 * no key that decrypts: it learns who takes part and when.
 */
export type Coordination = {
	/** With the evaluation keys of the group. */
	readonly server: Server;
	/** The group's key set: messages under another are refused. */
	readonly keySet: string;
	/** Who is invited, each with a token. */
	readonly invited: readonly Token[];
	/** An encryption of zeros for each input of the program, for places where nobody delivers. */
	readonly standby: ReadonlyMap<string, Uint8Array>;
	readonly rules: RoundRules;
	/** After which the first round opens without users that have not joined yet. */
	readonly joinMs: number;
	readonly random: () => number;
	/** Milliseconds of any clock. */
	readonly now: () => number;
};

/** A round as the coordinator saw it: bytes are those of bodies, of all users together. */
export type RoundReport = RoundLog & {
	/** How acknowledgements and updates were answered since the round before. */
	readonly verdicts: Readonly<Record<string, number>>;
	readonly sent: number;
	readonly received: number;
	/** Milliseconds of processor time that adding up took. */
	readonly evaluation: number;
};

const STATUS: Readonly<Record<Verdict, number>> = {
	...{ accepted: 200, duplicate: 200 },
	...{ late: 409, conflict: 409, 'not-open': 409, 'not-chosen': 403 },
};

const Join = Type.Object({
	fingerprint: Type.String({ pattern: '^[0-9a-f]{64}$' }),
	keySet: Type.String({ pattern: '^[0-9a-f]{32}$' }),
});
const RoundParams = Type.Object({ round: Type.String({ pattern: '^[1-9][0-9]{0,5}$' }) });

const SLOWEST_REQUEST_MS = 10_000;
const MOST_CONNECTIONS = 200;

export class Coordinator {
	readonly app: FastifyInstance;
	readonly rounds: Rounds;
	readonly #with: Coordination;
	readonly #started: number;
	readonly #sessions = new Map<string, Token>();
	readonly #sums = new Map<number, Uint8Array>();
	readonly #verdicts = new Map<string, number>();
	#traffic = { sent: 0, received: 0 };
	#adding = false;

	constructor(coordination: Coordination) {
		this.#with = coordination;
		this.#started = coordination.now();
		this.rounds = new Rounds(coordination.rules, coordination.random);
		this.app = this.#makeApp();
	}

	/**
	 * To be called often: opens rounds, drops who is late, adds up what has come; returns the round that is done by this call. Calls while
	 * another adds up do nothing. Throws what an evaluation throws.
	 */
	async tick(): Promise<RoundReport | undefined> {
		const { now, joinMs, invited, rules } = this.#with;
		if (this.#adding) return undefined;
		const joined = this.#sessions.size;
		const waited = now() - this.#started > joinMs && joined >= rules.quorum;
		if (joined === invited.length || waited || this.rounds.round > 0) this.rounds.open(now());
		const closed = this.rounds.tick(now());
		if (closed === undefined) return undefined;
		this.#adding = true;
		const start = cpuMilliseconds();
		this.#sums.set(closed.log.round, await this.#add(closed.updates));
		this.rounds.finish(closed);
		this.#adding = false;
		const report = { ...closed.log, verdicts: Object.fromEntries(this.#verdicts), ...this.#traffic };
		this.#verdicts.clear();
		this.#traffic = { sent: 0, received: 0 };
		return { ...report, evaluation: cpuMilliseconds() - start };
	}

	#add(updates: readonly (Uint8Array | undefined)[]): Promise<Uint8Array> {
		const { server, standby } = this.#with;
		const inputs = server.program.inputs.map(
			({ name }, k) => [name, updates[k] ?? (standby.get(name) as Uint8Array)] as const,
		);
		return joinInputs(server.program, new Map(inputs)).then((message) => server.evaluate(message));
	}

	#makeApp(): FastifyInstance {
		const app = fastify({
			bodyLimit: 1024,
			requestTimeout: SLOWEST_REQUEST_MS,
			forceCloseConnections: true,
		});
		app.server.maxConnections = MOST_CONNECTIONS;
		app.setErrorHandler((error, _request, reply) => {
			const refusal = refusalOf(error);
			return reply.code(refusal.status).send(refusalBody(refusal));
		});
		app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
			done(null, body),
		);
		app.addHook('onResponse', async (request, reply) => {
			this.#traffic.received += Number(request.headers['content-length'] ?? 0);
			this.#traffic.sent += Number(reply.getHeader('content-length') ?? 0);
		});
		app.register(this.#membership);
		app.register(this.#exchange);
		return app;
	}

	/** Who takes part, and what is to do. */
	readonly #membership: FastifyPluginAsyncTypebox = async (app) => {
		app.post('/v1/join', { schema: { body: Join } }, async (request) => {
			const user = ownerOf(this.#with.invited, request.headers.authorization);
			return { user, session: this.#admit(user, request.body) };
		});
		app.get('/v1/task', async (request) => {
			const user = this.#userOf(request);
			return { ...this.rounds.assignment(user), finished: this.rounds.finished };
		});
		app.post('/v1/rounds/:round/acknowledgement', { schema: { params: RoundParams } }, async (request, reply) => {
			const round = Number(request.params.round);
			return this.#answer(reply, this.rounds.acknowledge(this.#userOf(request), round, this.#with.now()));
		});
	};

	/** Updates in, sums out. Who has no session is refused before the body is read. */
	readonly #exchange: FastifyPluginAsyncTypebox = async (app) => {
		app.addHook('onRequest', async (request) => void this.#userOf(request));
		const schema = { params: RoundParams };
		app.put('/v1/rounds/:round/update', { schema, bodyLimit: this.#updateLength() }, async (request, reply) => {
			if (!(request.body instanceof Uint8Array)) throw new ServiceError('conflict', 'an update is bytes');
			return this.#answer(reply, await this.#take(this.#userOf(request), Number(request.params.round), request.body));
		});
		app.get('/v1/rounds/:round/sum', { schema }, async (request, reply) => {
			const sum = this.#sums.get(Number(request.params.round));
			if (sum === undefined) throw new ServiceError('not-found', 'this round has no sum yet');
			return reply.type('application/octet-stream').send(Buffer.from(sum.buffer, sum.byteOffset, sum.length));
		});
	};

	/** A session for an invited user whose program and key are those of the group; an earlier session of it ends. */
	#admit(user: string, { fingerprint, keySet }: { readonly fingerprint: string; readonly keySet: string }): string {
		if (fingerprint !== this.#with.server.program.fingerprint)
			throw new ServiceError('conflict', 'this federation runs another program', 'Use the build of this federation.');
		if (keySet !== this.#with.keySet)
			throw new ServiceError('conflict', 'this federation has another key set', "Use the group's secret key.");
		const session = randomBytes(32).toString('base64url');
		this.#sessions.set(user, { name: user, sha256: createHash('sha256').update(session).digest() });
		this.rounds.join(user);
		return session;
	}

	#userOf({ headers }: FastifyRequest): string {
		return ownerOf([...this.#sessions.values()], headers.authorization);
	}

	#updateLength(): number {
		const { inputs, parameters } = this.#with.server.program;
		return Math.max(
			...inputs.map(({ parts, level }) => messageLength(new Array<number>(parts).fill(inputLength(parameters, level)))),
		);
	}

	/** Looks at every byte before the update counts. Throws RefusedError 'message' for what is no update of this place. */
	async #take(user: string, round: number, body: Uint8Array): Promise<Verdict> {
		const bytes = new Uint8Array(body);
		const digest = createHash('sha256').update(bytes).digest('hex');
		const verdict = this.rounds.verdictOn(user, round, digest);
		if (verdict !== 'accepted') return verdict;
		const { place = -1 } = this.rounds.assignment(user);
		const { program } = this.#with.server;
		const { keySet } = await checkInput(program, program.inputs[place]?.name ?? '', bytes);
		if (keySet !== this.#with.keySet) throw new ServiceError('conflict', 'the update is under another key set');
		// The place may have gone to another user meanwhile.
		return this.rounds.assignment(user).place === place ? this.rounds.deliver(user, round, digest, bytes) : 'late';
	}

	#answer(reply: FastifyReply, verdict: Verdict): FastifyReply {
		this.#verdicts.set(verdict, (this.#verdicts.get(verdict) ?? 0) + 1);
		return reply.code(STATUS[verdict]).send({ verdict });
	}
}
