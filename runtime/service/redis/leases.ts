import type { Redis } from 'ioredis';
import { keysOf, PARTITIONS } from './names.ts';

/**
 * One worker's part of the partitions, in one step: names that were not heard of in time are forgotten, this one is known for
 * `ms` more, and holds its share, PARTITIONS / workers rounded up or down, so that all shares together are all partitions. It
 * keeps of its own what it names first, gives back what exceeds the share, and takes what nobody holds while that lasts.
 *
 *     KEYS members, leases - ARGV name, ms, partitions in the order of preference
 */
const RENEW = `
local me, ms = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ms, me)
local before, members = 0, redis.call('ZRANGE', KEYS[1], 0, -1)
for _, name in ipairs(members) do if name < me then before = before + 1 end end
local total = #ARGV - 2
local share = math.floor(total / #members)
if before < total % #members then share = share + 1 end
local held = {}
for i = 3, #ARGV do
  if redis.call('HGET', KEYS[2], ARGV[i]) == me then
    if #held < share then table.insert(held, ARGV[i]) else redis.call('HDEL', KEYS[2], ARGV[i]) end
  end
end
for i = 3, #ARGV do
  if #held >= share then break end
  local holder = redis.call('HGET', KEYS[2], ARGV[i])
  if not holder or (holder ~= me and not redis.call('ZSCORE', KEYS[1], holder)) then
    redis.call('HSET', KEYS[2], ARGV[i], me)
    table.insert(held, ARGV[i])
  end
end
redis.call('PEXPIRE', KEYS[1], 86400000)
redis.call('PEXPIRE', KEYS[2], 86400000)
return held`;

/** Gives all back. KEYS members, leases - ARGV name */
const LEAVE = `
redis.call('ZREM', KEYS[1], ARGV[1])
for _, partition in ipairs(redis.call('HKEYS', KEYS[2])) do
  if redis.call('HGET', KEYS[2], partition) == ARGV[1] then redis.call('HDEL', KEYS[2], partition) end
end
return 1`;

/** How many workers are known. KEYS members */
const COUNT = `
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], '(' .. (time[1] * 1000 + math.floor(time[2] / 1000)), '+inf')`;

/** What the partitions begin with that this worker takes, so that workers that start together do not want the same ones. */
const startOf = (name: string): number =>
	Array.from(name).reduce((sum, c) => (31 * sum + c.charCodeAt(0)) % PARTITIONS, 0);

/**
 * Renews the leases of a worker, or takes and gives back some; the partitions that it holds for `ms` milliseconds. A lease says
 * where to look for jobs, and nothing else: two workers that look at one partition take different jobs, by BullMQ's locks.
 */
export const renewLeases = async (
	redis: Redis,
	prefix: string,
	name: string,
	held: readonly number[],
	ms: number,
): Promise<readonly number[]> => {
	const { members, leases } = keysOf(prefix);
	const start = startOf(name);
	const others = Array.from({ length: PARTITIONS }, (_, i) => (start + i) % PARTITIONS).filter(
		(k) => !held.includes(k),
	);
	const answer: unknown = await redis.eval(RENEW, 2, members, leases, name, ms, ...held, ...others);
	return Array.isArray(answer) ? answer.map(Number).filter((k) => Number.isInteger(k) && k >= 0 && k < PARTITIONS) : [];
};

/** Gives back all leases of a worker that ends. */
export const leave = async (redis: Redis, prefix: string, name: string): Promise<void> => {
	const { members, leases } = keysOf(prefix);
	await redis.eval(LEAVE, 2, members, leases, name);
};

/** How many workers hold or wait for leases. */
export const countWorkers = async (redis: Redis, prefix: string): Promise<number> =>
	Number(await redis.eval(COUNT, 1, keysOf(prefix).members));
