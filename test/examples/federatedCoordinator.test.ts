import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { uniform } from '../../compiler/numeric/uniform.ts';
import { compiledAggregation } from '../../examples/federated/aggregation.ts';
import { Coordinator, type RoundReport } from '../../examples/federated/coordinator.ts';
import { type Client, createClient } from '../../runtime/client.ts';
import { createServer } from '../../runtime/server.ts';
import { randomNumbers } from '../support/onnx.ts';

/** The coordinator over HTTP, in this process: what it lets in, what it adds up, what it refuses. */
const LENGTH = 20;
const USERS = ['a', 'b', 'c'] as const;
type User = (typeof USERS)[number];
const { program } = compiledAggregation(LENGTH, 3);
const client = await createClient(program.client);
const stranger = await createClient(program.client);
const server = await createServer(program.server, program.constants);
const keySet = await server.loadKeys(await client.evaluationKeys());
const names = program.server.inputs.map(({ name }) => name);
const zeros = await Promise.all(names.map((name) => client.encryptInput(name, new Float64Array(LENGTH))));
const vectorOf = (user: User): Float64Array => randomNumbers(USERS.indexOf(user) + 1, LENGTH);
const invitationOf = (user: User): string => `invitation-of-user-${user}`;
const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();

/** A coordinator with a clock that the test moves, and what users ask it. */
const start = async (joined: readonly User[] = USERS) => {
	const clock = { now: 0 };
	const coordinator = new Coordinator({
		server,
		keySet,
		invited: USERS.map((name) => ({ name, sha256: sha256(invitationOf(name)) })),
		standby: new Map(names.map((name, k) => [name, zeros[k] as Uint8Array])),
		rules: { places: 3, quorum: 2, ackMs: 100, roundMs: 1000, rounds: 2 },
		joinMs: 500,
		random: uniform(1),
		now: () => clock.now,
	});
	const sessions = new Map<string, string>();
	const ask = async (method: 'GET' | 'POST' | 'PUT', url: string, token: string, body?: Uint8Array | object) => {
		const type = body instanceof Uint8Array ? { 'content-type': 'application/octet-stream' } : {};
		const response = await coordinator.app.inject({
			method,
			url,
			headers: { authorization: `Bearer ${token}`, ...type },
			...(body === undefined ? {} : { payload: body instanceof Uint8Array ? Buffer.from(body) : body }),
		});
		const json = response.headers['content-type']?.toString().startsWith('application/json') === true;
		return { status: response.statusCode, json: json ? response.json() : undefined, bytes: response.rawPayload };
	};
	const join = (token: string, group: object = { fingerprint: program.client.fingerprint, keySet }) =>
		ask('POST', '/v1/join', token, group);
	const as = (user: User, method: 'GET' | 'POST' | 'PUT', url: string, body?: Uint8Array) =>
		ask(method, url, sessions.get(user) ?? '', body);
	for (const user of joined) sessions.set(user, (await join(invitationOf(user))).json.session);
	await coordinator.tick();
	/** Acknowledges and encrypts for the place that a user has. */
	const updateOf = async (user: User, round = 1, by: Client = client): Promise<Uint8Array> => {
		const { place } = (await as(user, 'GET', '/v1/task')).json;
		await as(user, 'POST', `/v1/rounds/${round}/acknowledgement`);
		return by.encryptInput(names[place] ?? '', vectorOf(user));
	};
	const send = (user: User, bytes: Uint8Array, round = 1) => as(user, 'PUT', `/v1/rounds/${round}/update`, bytes);
	return { coordinator, clock, join, as, ask, sessions, updateOf, send };
};

/** The largest distance of a decrypted sum from that of these users' vectors. */
const errorOf = async (message: Uint8Array, users: readonly User[]): Promise<number> => {
	const { outputs } = await client.decrypt(new Uint8Array(message));
	const expected = vectorOf('a').map((_, i) => users.reduce((t, user) => t + (vectorOf(user)[i] ?? 0), 0));
	return Math.max(...expected.map((v, i) => Math.abs(v - (outputs.get('sum')?.data[i] ?? Number.NaN))));
};

const done = (report: RoundReport | undefined): RoundReport => {
	if (report === undefined) throw new Error('the round is not over');
	return report;
};

test('a round over HTTP: the sum of all who were there, and of those alone', async () => {
	const { coordinator, clock, as, updateOf, send } = await start();
	assert.equal((await as('a', 'GET', '/v1/rounds/1/sum')).status, 404);
	for (const user of USERS) assert.equal((await send(user, await updateOf(user))).json, { verdict: 'accepted' });
	assert.equal(done(await coordinator.tick()).present.toSorted(), [...USERS]);
	assert.ok((await errorOf((await as('a', 'GET', '/v1/rounds/1/sum')).bytes, USERS)) < 1e-5);
	await coordinator.tick();
	for (const user of ['c', 'a'] as const) await send(user, await updateOf(user, 2), 2);
	assert.is(await coordinator.tick(), undefined);
	clock.now = 1001;
	const report = done(await coordinator.tick());
	assert.equal([report.round, report.present.toSorted(), report.dropped], [2, ['a', 'c'], ['b']]);
	assert.ok((await errorOf((await as('b', 'GET', '/v1/rounds/2/sum')).bytes, ['a', 'c'])) < 1e-5);
	assert.equal((await as('b', 'GET', '/v1/task')).json, { round: 3, state: 'done', finished: 2 });
	assert.is(report.received, 2 * (zeros[0]?.length ?? 0));
	await coordinator.app.close();
});

test('nobody takes part without an invitation, a session, this program and this key', async () => {
	const { coordinator, join, ask, sessions, send } = await start(['a', 'b']);
	const group = { fingerprint: program.client.fingerprint, keySet };
	for (const token of ['', 'invitation-of-user-x', sessions.get('a') ?? '']) assert.is((await join(token)).status, 401);
	assert.is((await join(invitationOf('c'), { ...group, fingerprint: 'ab'.repeat(32) })).status, 409);
	assert.is((await join(invitationOf('c'), { ...group, keySet: stranger.keySet })).status, 409);
	for (const wrong of [{}, { ...group, keySet: 'x' }, { fingerprint: 1, keySet }])
		assert.is((await join(invitationOf('c'), wrong)).status, 400);
	for (const [method, url] of [
		['GET', '/v1/task'],
		['POST', '/v1/rounds/1/acknowledgement'],
		['PUT', '/v1/rounds/1/update'],
		['GET', '/v1/rounds/1/sum'],
	] as const)
		for (const token of ['', 'nothing', invitationOf('a')])
			assert.is((await ask(method, url, token)).status, 401, `${method} ${url}`);
	assert.is(coordinator.rounds.round, 0);
	// A user that comes back has a new session, and the one before ends.
	const before = sessions.get('a') ?? '';
	sessions.set('a', (await join(invitationOf('a'))).json.session);
	assert.is((await ask('GET', '/v1/task', before)).status, 401);
	assert.is((await send('a', zeros[0] as Uint8Array)).json.verdict, 'not-open');
	await coordinator.app.close();
});

test('the first round waits for all, but not for ever', async () => {
	const { coordinator, clock, as } = await start(['a', 'b']);
	assert.is((await as('a', 'GET', '/v1/task')).json.state, 'wait');
	clock.now = 501;
	await coordinator.tick();
	assert.is((await as('a', 'GET', '/v1/task')).json.state, 'train');
	await coordinator.app.close();
});

test('late, repeated and contradicting updates', async () => {
	const { coordinator, clock, send, updateOf } = await start();
	const [a, b, c] = [await updateOf('a'), await updateOf('b'), await updateOf('c')];
	assert.is((await send('a', a)).status, 200);
	assert.equal((await send('a', a)).json, { verdict: 'duplicate' });
	const again = await send('a', await updateOf('a'));
	assert.equal([again.status, again.json], [409, { verdict: 'conflict' }]);
	await send('b', b);
	clock.now = 1001;
	const report = done(await coordinator.tick());
	assert.equal(report.verdicts, { accepted: 5, duplicate: 2, conflict: 1 });
	const late = await send('c', c);
	assert.equal([late.status, late.json], [409, { verdict: 'late' }]);
	assert.equal((await send('a', a)).json, { verdict: 'duplicate' });
	assert.equal((await send('c', c, 7)).json, { verdict: 'not-open' });
	assert.is((await send('c', c, 0)).status, 400);
	await coordinator.app.close();
});

test('bytes that are no update of this user, place, key or program are refused, and the round goes on right', async () => {
	const { coordinator, as, send, updateOf } = await start();
	const good = await updateOf('a');
	const other = await updateOf('b');
	const random = uniform(3);
	const bad: Uint8Array[] = [
		new Uint8Array(0),
		other,
		await updateOf('a', 1, stranger),
		await client.encrypt(new Map(names.map((name) => [name, vectorOf('a')]))),
		good.subarray(0, -1),
		zeros[0]?.map(() => 255) ?? good,
	];
	for (let i = 0; i < 200; i++) {
		const at = Math.floor(random() * (i % 2 === 0 ? 100 : good.length));
		bad.push(good.with(at, (good[at] as number) ^ (1 << (i % 8))));
	}
	for (const [i, body] of bad.entries()) {
		const { status, json } = await send('a', body);
		assert.ok([400, 409, 413].includes(status), `${i}: ${status}`);
		assert.is(json.verdict, undefined);
	}
	assert.is((await send('a', new Uint8Array(good.length + 1))).status, 413);
	assert.is((await as('a', 'PUT', '/v1/rounds/1/update')).status, 409);
	for (const [user, body] of [['a', good], ['b', other], ['c', await updateOf('c')]] as const) // biome-ignore format: one thought
		assert.is((await send(user, body)).json.verdict, 'accepted');
	done(await coordinator.tick());
	assert.ok((await errorOf((await as('c', 'GET', '/v1/rounds/1/sum')).bytes, USERS)) < 1e-5);
	await coordinator.app.close();
});

test('who stops in the middle of an update, or breaks off, holds up nobody', async () => {
	const { coordinator, as, sessions, send, updateOf } = await start();
	const { port } = new URL(await coordinator.app.listen({ host: '127.0.0.1', port: 0 }));
	const message = await updateOf('c');
	const half = message.subarray(0, message.length >> 1);
	const head = [
		'PUT /v1/rounds/1/update HTTP/1.1',
		'Host: localhost',
		`Authorization: Bearer ${sessions.get('c')}`,
		'Content-Type: application/octet-stream',
		`Content-Length: ${message.length}`,
	].join('\r\n');
	const sockets = Array.from({ length: 10 }, () => connect(Number(port), '127.0.0.1'));
	for (const [i, socket] of sockets.entries()) {
		socket.on('error', () => undefined);
		await new Promise((resolve) => socket.write(Buffer.concat([Buffer.from(`${head}\r\n\r\n`), half]), resolve));
		if (i % 2 === 0) socket.destroy();
	}
	for (const user of ['a', 'b'] as const) await send(user, await updateOf(user));
	assert.is((await as('c', 'GET', '/v1/task')).json.state, 'train');
	assert.is((await send('c', message)).json.verdict, 'accepted');
	assert.equal(done(await coordinator.tick()).present.toSorted(), [...USERS]);
	for (const socket of sockets) socket.destroy();
	await coordinator.app.close();
});

test.after(async () => {
	client.dispose();
	stranger.dispose();
	await server.dispose();
});

test.run();
