import { Redis, type RedisOptions } from 'ioredis';
import { RefusedError } from '../../errors.ts';

/** Milliseconds after which a producer's command counts as lost, and between two attempts to connect. */
const COMMAND_MS = 5000;
const RETRY_MS = 1000;
/** A worker talks to Redis every few seconds, so this much silence is a connection that is dead. */
const SILENCE_MS = 30_000;

/** Listener of one channel's messages; `undefined` when some may have been missed. */
export type Listener = (message: string | undefined) => void;

/** The address, checked. Errors do not repeat it: it may hold a password. */
const checkUrl = (url: string): string => {
	const good = URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol) && new URL(url).hostname !== '';
	if (!good)
		throw new RefusedError('misuse', 'the address of the queue is none of Redis', 'redis://host:6379 or rediss://...');
	return url;
};

const retryStrategy = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt, 10), RETRY_MS);

const open = (url: string, options: Omit<RedisOptions, 'replyMapping'>, onError: (error: Error) => void): Redis => {
	const redis = new Redis(checkUrl(url), { retryStrategy, ...options });
	redis.on('error', onError);
	return redis;
};

/** For a producer: a command that cannot be sent or gets no answer fails, soon, and is not sent again later. */
export const openProducer = (url: string, onError: (error: Error) => void): Redis =>
	open(
		url,
		{
			enableOfflineQueue: false,
			autoResendUnfulfilledCommands: false,
			maxRetriesPerRequest: 0,
			commandTimeout: COMMAND_MS,
		},
		onError,
	);

/** For a worker: commands wait until Redis is back, since what was computed meanwhile has to be told. */
export const openWorker = (url: string, onError: (error: Error) => void): Redis =>
	open(url, { maxRetriesPerRequest: null, socketTimeout: SILENCE_MS }, onError);

/** Listens to channels over a connection of its own; after each reconnection every listener is told that messages may be missing. */
export const openListeners = (
	url: string,
	listeners: ReadonlyMap<string, Listener>,
	onError: (error: Error) => void,
): Redis => {
	const redis = open(url, { maxRetriesPerRequest: null }, onError);
	redis.on('message', (channel: string, message: string) => listeners.get(channel)?.(message));
	redis.on('ready', () => {
		for (const listener of listeners.values()) listener(undefined);
	});
	// Subscribes again after reconnections by itself.
	redis.subscribe(...listeners.keys()).catch(onError);
	return redis;
};

/** A field of the text that INFO gives. */
const field = (info: string, name: string): string | undefined => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];

/** What of the configuration of this Redis would lose accepted jobs, in sentences. */
export const complaintsOf = async (redis: Redis): Promise<readonly string[]> => {
	const info = `${await redis.info('persistence')}\n${await redis.info('memory')}`;
	const policy = field(info, 'maxmemory_policy') ?? 'noeviction';
	return [
		...(field(info, 'aof_enabled') === '1'
			? []
			: ['Redis keeps no append-only file: what was accepted is lost when it ends. Set appendonly yes.']),
		...(policy === 'noeviction'
			? []
			: [
					`Redis removes keys when its memory is full (${policy}): accepted jobs too. Set maxmemory-policy noeviction.`,
				]),
	];
};
