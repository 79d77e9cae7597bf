import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Client, createClient } from '../../runtime/client.ts';
import { checkInput, joinInputs } from '../../runtime/joined.ts';
import { writeMessage } from '../../runtime/message.ts';
import { createServer } from '../../runtime/server.ts';
import { MESSAGE_HEADER } from '../../runtime/sizes.ts';
import { makeProgram, maxDifference, refusalOfAsync, sampleOf } from './support.ts';

/** x0 - x1 of two clients; the inputs are equal in everything but their names. */
const SIZE = 16;
const shape = [SIZE];
const program = makeProgram({
	inputs: [{ shape }, { shape }],
	outputs: [{ level: 1, scale: 2 ** 24, encryptedShape: shape }],
	instructions: [
		{ op: 'input', to: 0, input: 0, part: 0 },
		{ op: 'input', to: 1, input: 1, part: 0 },
		{ op: 'subtract', to: 0, a: 0, b: 1 },
		{ op: 'output', a: 0, output: 0, part: 0 },
	],
});
const { server: joinable } = program;

const first = await createClient(program.client);
const second = await createClient(program.client, { secretKey: await first.exportSecretKey() });
const stranger = await createClient(program.client);
const [x, y] = [sampleOf(SIZE, 1), sampleOf(SIZE, 2)];

const both = async (a: Client, b: Client): Promise<ReadonlyMap<string, Uint8Array>> =>
	new Map([
		['x0', await a.encryptInput('x0', x)],
		['x1', await b.encryptInput('x1', y)],
	]);

test('inputs of two clients under one key are computed with together, and either can decrypt', async () => {
	const server = await createServer(program.server, program.constants);
	await server.loadKeys(await first.evaluationKeys());
	const answer = await server.evaluate(await joinInputs(joinable, await both(first, second)));
	for (const client of [first, second]) {
		const { outputs } = await client.decrypt(answer);
		const expected = x.map((v, i) => v - (y[i] as number));
		assert.ok(maxDifference(outputs.get('y0')?.data ?? [], expected) < 1e-3);
	}
	await server.dispose();
});

test('what one client sends can be judged when it comes', async () => {
	const message = await second.encryptInput('x1', y);
	assert.equal(await checkInput(joinable, 'x1', message), { keySet: first.keySet, samples: 1 });
});

test('an input in the place of another is refused, though its length is the same', async () => {
	const message = await first.encryptInput('x0', x);
	const refused = await refusalOfAsync(checkInput(joinable, 'x1', message));
	assert.is(refused.code, 'message');
	assert.match(refused.message, /holds input 0 of the program instead of 1/);
	const swapped = new Map(
		[...(await both(first, second))].map(([name, bytes], i, all) => [name, all[1 - i]?.[1] ?? bytes]),
	);
	assert.is((await refusalOfAsync(joinInputs(joinable, swapped))).code, 'message');
});

test('inputs under different keys are refused, and inputs that are missing or unknown', async () => {
	assert.is((await refusalOfAsync(joinInputs(joinable, await both(first, stranger)))).code, 'keys');
	const [one = ['x0', new Uint8Array(0)] as const] = await both(first, second);
	assert.match((await refusalOfAsync(joinInputs(joinable, new Map([one])))).message, /'x1' is missing/);
	const more = new Map([...(await both(first, second)), ['x2', one[1]]]);
	assert.match((await refusalOfAsync(joinInputs(joinable, more))).message, /no input 'x2'/);
	assert.is((await refusalOfAsync(checkInput(joinable, 'x2', one[1]))).code, 'input');
	assert.is((await refusalOfAsync(first.encryptInput('x2', x))).code, 'input');
	assert.is(
		(
			await refusalOfAsync(
				first.encryptInput(
					'x0',
					x.map(() => 100),
				),
			)
		).code,
		'input',
	);
});

test('one input is no message with all inputs, nor the reverse', async () => {
	const server = await createServer(program.server, program.constants);
	await server.loadKeys(await first.evaluationKeys());
	const one = await first.encryptInput('x0', x);
	assert.match((await refusalOfAsync(server.evaluate(one))).message, /holds input instead of inputs/);
	const all = await first.encrypt({ x0: x, x1: y });
	assert.match((await refusalOfAsync(checkInput(joinable, 'x0', all))).message, /holds inputs instead of input/);
	await server.dispose();
});

test('every byte of an input is looked at: damage, another program, samples, residues that are none', async () => {
	const message = await first.encryptInput('x0', x);
	const places = [
		0,
		4,
		5,
		6,
		7,
		8,
		39,
		56,
		60,
		MESSAGE_HEADER,
		MESSAGE_HEADER + 8,
		message.length >> 1,
		message.length - 1,
	];
	for (const at of places) {
		const damaged = message.with(at, (message[at] as number) ^ 64);
		assert.is((await refusalOfAsync(checkInput(joinable, 'x0', damaged))).code, 'message');
	}
	for (const length of [0, 63, message.length - 1])
		assert.is((await refusalOfAsync(checkInput(joinable, 'x0', message.subarray(0, length)))).code, 'message');
	const otherProgram = { ...joinable, fingerprint: 'ab'.repeat(32) };
	assert.is((await refusalOfAsync(checkInput(otherProgram, 'x0', message))).code, 'message');
});

test('a residue that is not below its prime is refused, under a digest that fits', async () => {
	const message = await first.encryptInput('x0', x);
	const part = message.slice(MESSAGE_HEADER + 8, -32);
	const keySet = message.slice(40, 56);
	const head = { kind: 'input', fingerprint: joinable.fingerprint, keySet, samples: 1, index: 0 } as const;
	assert.equal(await checkInput(joinable, 'x0', await writeMessage(head, [part])), {
		keySet: first.keySet,
		samples: 1,
	});
	const wrong = part.slice();
	wrong.fill(255, 0, 5);
	const refused = await refusalOfAsync(checkInput(joinable, 'x0', await writeMessage(head, [wrong])));
	assert.match(refused.message, /part 0 of input 'x0'.* not below its prime/);
	const zeros = part.slice().fill(0, 0, part.length - 64);
	assert.match(
		(await refusalOfAsync(checkInput(joinable, 'x0', await writeMessage(head, [zeros])))).message,
		/all zero/,
	);
	for (const samples of [0, 2]) {
		const claimed = await writeMessage({ ...head, samples }, [part]);
		assert.match((await refusalOfAsync(checkInput(joinable, 'x0', claimed))).message, /samples of at most 1/);
	}
});

test.after(() => {
	for (const client of [first, second, stranger]) client.dispose();
});

test.run();
