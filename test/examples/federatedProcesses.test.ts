import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compared } from '../../examples/federated/compared.ts';
import { type Federation, nameOf, runFederation, setUp } from '../../examples/federated/federation.ts';
import { taskOf } from '../../examples/federated/tasks.ts';

/** A coordinator and five users, each a process, for a few rounds; test/slow/federated.test.ts has twenty. */
const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-federated-'));
const federation: Federation = {
	task: taskOf('logistic'),
	users: [{ twice: true }, {}, {}, { lateEvery: 1, lateMs: 6000 }, { dieIn: [1, 2, 3] }],
	rules: { places: 5, quorum: 2, ackMs: 2000, roundMs: 3000, rounds: 3 },
	publish: true,
	mostMs: 100_000,
};

/** Paths and contents of all files below a folder. */
const filesIn = (path: string): readonly (readonly [string, Buffer])[] =>
	readdirSync(path, { recursive: true, encoding: 'utf8' })
		.map((name) => join(path, name))
		.filter((name) => statSync(name).isFile())
		.map((name) => [name, readFileSync(name)] as const);

test('what the coordinator is given holds no secret key and no invitation, and files of users are theirs alone', async () => {
	await setUp(folder, federation);
	const secret = readFileSync(join(folder, nameOf(0), 'secret.key'));
	const invitation = readFileSync(join(folder, nameOf(0), 'invitation'));
	const holds = (content: Buffer): boolean =>
		content.includes(secret.subarray(1000, 1032)) || content.includes(invitation);
	const given = [...filesIn(join(folder, 'coordinator')), ...filesIn(join(folder, 'build'))];
	assert.equal(given.filter(([, content]) => holds(content)).map(([name]) => name), []); // biome-ignore format: one thought
	const own = filesIn(join(folder, nameOf(0)));
	assert.is(own.filter(([, content]) => holds(content)).length, 2);
	for (const [name] of own) assert.is(statSync(name).mode & 0o077, 0, name);
});

test('a user that is always late and one that dies cost no round, and encryption no accuracy', async () => {
	const outcome = await runFederation(folder, federation);
	assert.equal(
		outcome.rounds.map(({ round }) => round),
		[1, 2, 3],
	);
	for (const { present } of outcome.rounds) assert.ok(present.length >= 2 && new Set(present).size === present.length);
	assert.ok(outcome.rounds.some(({ verdicts }) => (verdicts.duplicate ?? 0) > 0));
	const { encrypted, sameUsers, difference, agree } = compared(federation, outcome);
	assert.ok(agree);
	assert.ok(difference < 1e-5, String(difference));
	assert.ok(Math.abs(encrypted - sameUsers) <= 0.005);
	assert.ok(encrypted > 0.8);
	const noise = (outcome.shown ?? new Float64Array(0)).map((v, i) => Math.abs(v - (outcome.weights[0]?.[i] ?? 0)));
	assert.is(noise.length, 31);
	assert.ok(Math.max(...noise) > 1e-6 && Math.max(...noise) < 0.1, String(Math.max(...noise)));
	assert.is(outcome.log, '');
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
