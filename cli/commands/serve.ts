import { isIP } from 'node:net';
import { type Command, Option } from 'commander';
import type { FastifyInstance } from 'fastify';
import {
	type AppOptions,
	makeApp,
	makeMetrics,
	type OpenedService,
	openService,
	type QueueParts,
	readTokens,
	type ServiceMetrics,
	type ServiceQueue,
	type Token,
} from '../../runtime/service/index.ts';
import { redisQueue } from '../../runtime/service/redis/queue.ts';
import { addBlobOptions, type BlobArguments, s3Of } from '../blobs.ts';
import { UsageError } from '../errors.ts';
import { addEngineOptions, addOutputOptions, byteCount, type EngineArguments, wholeNumber } from '../options.ts';
import { formatBytes, formatTime, makeOutput, type Output, type OutputOptions } from '../output.ts';
import { proxies } from '../proxies.ts';
import { readFile } from '../readFile.ts';
import { untilAsked } from '../untilAsked.ts';

type Arguments = OutputOptions &
	EngineArguments &
	BlobArguments & {
		readonly port: number;
		readonly host: string;
		readonly tokens?: string;
		readonly open?: boolean;
		readonly data: string;
		readonly workers: number;
		readonly maxWait: number;
		readonly rate: number;
		readonly idle: number;
		readonly keyQuota: number;
		readonly keyTotal: number;
		readonly keyTtl: number;
		readonly grace: number;
		readonly queue?: string;
		readonly cors?: string;
		readonly trustProxy?: readonly string[];
	};

/** More are a mistake. */
const MOST_TOKEN_BYTES = 2 ** 20;
/** How long answers that are being sent may take once nothing computes any more. */
const LAST_ANSWERS_MS = 5000;

const tokensOf = ({ tokens }: Arguments): readonly Token[] | undefined =>
	tokens === undefined ? undefined : readTokens(new TextDecoder().decode(readFile(tokens, MOST_TOKEN_BYTES)));

const isLoopback = (host: string): boolean =>
	host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/** Whoever reaches an address of this machine from outside could fill its disk and take its time. */
const checkOpen = ({ host, open }: Arguments, tokens: readonly Token[] | undefined): void => {
	if (tokens === undefined && open !== true && !isLoopback(host))
		throw new UsageError(
			`Without --tokens everyone who reaches ${host} could use the service: give a file of tokens, or --open if that is meant.`,
		);
};

/** Where evaluations are done: in processes of this one (undefined), or by `onnx-seal worker` behind Redis. */
const makeQueue = ({ queue }: Arguments, output: Output): ((parts: QueueParts) => Promise<ServiceQueue>) | undefined =>
	queue === undefined
		? undefined
		: async ({ fingerprint, keys, onEvaluated }) =>
				redisQueue({ url: queue, fingerprint, keys, onEvaluated, onNotice: output.warn });

const open = (build: string, given: Arguments, metrics: ServiceMetrics, output: Output): Promise<OpenedService> =>
	openService({
		...{ build, data: given.data, workers: given.workers, threads: given.threads, backend: given.backend },
		...{ keyQuota: given.keyQuota, keyTotal: given.keyTotal, keyTtlMs: given.keyTtl * 3_600_000 },
		s3: s3Of(given),
		makeQueue: makeQueue(given, output),
		onEvaluated: metrics.evaluated,
		onNotice: output.warn,
	});

const appOf = (
	opened: OpenedService,
	given: Arguments,
	more: Pick<AppOptions, 'tokens' | 'stopping' | 'metrics'>,
): Promise<FastifyInstance> =>
	makeApp({
		...opened,
		...more,
		cors: given.cors,
		trustProxy: given.trustProxy,
		limits: {
			maxWaitMs: given.maxWait * 1000,
			idleMs: given.idle * 1000,
			requestsPerMinute: given.rate,
			addressRequestsPerMinute: 2 * given.rate,
		},
		log: process.stderr,
		level: given.quiet === true ? 'warn' : 'info',
	});

const tell = (url: string, { program }: OpenedService, given: Arguments, output: Output): void => {
	const { client, predicted } = program;
	output.result({ url, model: client.name, fingerprint: client.fingerprint, pid: process.pid }, () =>
		[
			`${url} serves ${client.name} (${client.fingerprint.slice(0, 16)}...): ${formatTime(predicted.evaluateMs)} for each evaluation, as predicted.`,
			`${given.tokens === undefined ? 'Everyone who reaches it may use it' : 'A token is asked for'}; one user may keep ${formatBytes(given.keyQuota)} of evaluation keys in ${given.blobs === undefined ? given.data : `s3://${given.blobs.bucket}`}.`,
		].join('\n'),
	);
};

/** Accepts no more, lets what runs end, then closes the connections. Those who wait for an evaluation that ends meanwhile get it. */
const shutDown = async (app: FastifyInstance, opened: OpenedService, grace: number): Promise<void> => {
	await opened.close(grace * 1000);
	const last = setTimeout(() => app.server.closeAllConnections(), LAST_ANSWERS_MS);
	await app.close();
	clearTimeout(last);
};

const serve = async (build: string, given: Arguments): Promise<void> => {
	const output = makeOutput(given);
	const tokens = tokensOf(given);
	checkOpen(given, tokens);
	const stopping = new AbortController();
	const asked = untilAsked();
	const metrics = makeMetrics();
	metrics.watchProcess();
	const opened = await open(build, given, metrics, output);
	const app = await appOf(opened, given, { tokens, stopping: stopping.signal, metrics });
	try {
		// Processes that die again and again while they start are no reason not to end.
		await Promise.race([opened.started, asked]);
		const url = await app.listen({ host: given.host, port: given.port });
		tell(url, opened, given, output);
		await asked;
		output.note('Shutting down: what runs may end, no more is taken.');
	} finally {
		stopping.abort();
		await shutDown(app, opened, given.grace);
	}
};

export const addServe = (program: Command): void => {
	const command = program
		.command('serve')
		.description('serve a build over HTTP')
		.argument('<build dir>')
		.option('--port <port>', 'where to listen; 0: any port that is free', wholeNumber(0), 8080)
		.option('--host <address>', 'address to listen on', '127.0.0.1')
		.option('--tokens <file>', 'who may use it: lines of name:sha256-of-the-token-in-hex, or name token')
		.option('--open', 'listen on other addresses than those of this machine without tokens')
		.option('--data <dir>', 'where keys, inputs and outputs are kept', 'onnx-seal-data')
		.option('--workers <n>', 'processes that evaluate', wholeNumber(1), 1)
		.option('--max-wait <s>', 'predicted seconds of waiting beyond which evaluations are refused', wholeNumber(0), 60)
		.option('--rate <n>', 'requests in a minute with one token, twice as many from one address', wholeNumber(1), 1200)
		.option('--idle <s>', 'seconds without a byte after which a body is given up', wholeNumber(1), 15)
		.option('--key-quota <bytes>', 'evaluation keys of one token, as 1GB', byteCount, 1e9)
		.option('--key-total <bytes>', 'evaluation keys of all tokens', byteCount, 20e9)
		.option('--key-ttl <hours>', 'when unused evaluation keys are removed', wholeNumber(1), 168)
		.option('--grace <s>', 'how long evaluations may go on when it is asked to end', wholeNumber(0), 30)
		.option('--cors <origin>', "origin of pages that may use it from a browser, or '*'")
		.option('--trust-proxy <list>', 'addresses or networks of proxies in front, as 10.0.0.0/8,::1', proxies)
		.addOption(
			new Option('--queue <address>', 'Redis, as redis://host:6379; evaluations are left to `onnx-seal worker`').env(
				'ONNX_SEAL_QUEUE',
			),
		)
		.action(serve);
	addOutputOptions(addEngineOptions(addBlobOptions(command)));
};
