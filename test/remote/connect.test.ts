import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Client, createClient } from '../../runtime/client.ts';
import {
	type ConnectOptions,
	connect,
	RefusedError,
	type Remote,
	type RemoteClient,
	RemoteError,
} from '../../runtime/remote/index.ts';
import { cardOf, type Fault, startFake } from './fake.ts';
import { modelOf } from './model.ts';

type Fake = Awaited<ReturnType<typeof startFake>>;
type Model = ReturnType<typeof modelOf>;

const test = suite<{ model: Model; fake: Fake }>('remote');
const retry = { firstMs: 1 };

test.before((context) => {
	context.model = modelOf('breast-cancer-logistic');
});
test.before.each(async (context) => {
	context.fake = await startFake(context.model.compiled);
});
test.after.each(({ fake }) => fake.stop());

/** Connects, does something and closes. */
const connected = async <T>(
	fake: Fake,
	work: (remote: Remote<Client>) => Promise<T>,
	options: ConnectOptions = {},
): Promise<T> => {
	const remote = await connect(fake.url, { retry, ...options });
	try {
		return await work(remote);
	} finally {
		await remote.close();
	}
};

const thrown = async (promise: Promise<unknown>): Promise<RefusedError | RemoteError> => {
	const error = await promise.then(
		() => undefined,
		(reason: unknown) => reason,
	);
	if (error instanceof RefusedError || error instanceof RemoteError) return error;
	throw new Error(`neither RefusedError nor RemoteError: ${String(error)}`);
};

const answersRight = async (
	remote: Pick<Remote<RemoteClient>, 'infer'>,
	{ sampleOf, errorOf }: Model,
	k = 0,
): Promise<void> => {
	const result = await remote.infer(sampleOf(k));
	assert.equal(result.warnings, []);
	assert.ok(errorOf(result, k) <= 1, `${errorOf(result, k)} of the predicted error`);
};

test('keys are sent once and one at a time, and answers are those in the clear', async ({ model, fake }) => {
	const stages = new Map<string, string[]>();
	const onProgress = ({ stage, done, total }: { stage: string; done: number; total: number }): void =>
		void stages.set(stage, [...(stages.get(stage) ?? []), `${done}/${total}`]);
	await connected(
		fake,
		async (remote) => {
			assert.equal(remote.card, cardOf(model.compiled));
			await answersRight(remote, model, 0);
			await answersRight(remote, model, 1);
		},
		{ onProgress },
	);
	const { count, bytes } = fake.card.keys;
	assert.is(fake.count('PUT', /\/parts\//), count);
	assert.is(fake.count('POST', /evaluations$/), 2);
	const sent = fake.seen.filter(({ method }) => method === 'PUT').reduce((sum, { body }) => sum + body.length, 0);
	assert.ok(sent < bytes && sent > bytes - 64 - 8 * count - 33);
	assert.is(stages.get('send keys')?.[0], `0/${sent}`);
	assert.is(stages.get('send keys')?.at(-1), `${sent}/${sent}`);
	assert.is(stages.get('make keys')?.at(-1), `${count}/${count}`);
});

test('an upload that was broken off goes on with the keys that are missing', async ({ model, fake }) => {
	fake.fail('PUT', /parts\/2$/, { status: 403, body: { error: { code: 'forbidden', message: 'no' } } });
	await connected(
		fake,
		async (remote) => {
			const error = await thrown(remote.sendKeys());
			assert.equal([error.code, error.message], ['forbidden', 'no']);
			const before = [...(fake.kept.keys.get(remote.client.keySet)?.values() ?? [])];
			assert.is(before.length, 2);
			await remote.sendKeys();
			assert.equal([...(fake.kept.keys.get(remote.client.keySet)?.values() ?? [])].slice(0, 2), before);
			assert.is(fake.count('PUT', /parts\/[01]$/), 2);
			const puts = fake.count('PUT', /./);
			await remote.sendKeys();
			assert.is(fake.count('PUT', /./), puts);
			await answersRight(remote, model);
		},
		{ sendKeys: false },
	);
});

test('a key set that exists is used again by its secret key, without sending keys', async ({ model, fake }) => {
	const secretKey = await connected(fake, (remote) => remote.client.exportSecretKey());
	const puts = fake.count('PUT', /./);
	await connected(fake, (remote) => answersRight(remote, model), { secretKey, program: model.compiled.program.client });
	assert.is(fake.count('PUT', /./), puts);
});

const BUSY = { status: 503, headers: { 'retry-after': '0' }, body: { error: { code: 'busy', message: 'later' } } };
const faults: Readonly<Record<string, Fault>> = {
	'a lost connection': 'drop',
	'a lost answer': 'lose',
	'a busy service': BUSY,
	'a rate limit': { ...BUSY, status: 429 },
	'a proxy without a service': { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>no</html>' },
};
for (const [name, fault] of Object.entries(faults))
	test(`${name} is tried again, everywhere`, async ({ model, fake }) => {
		for (const [method, path] of [
			['GET', /model$/],
			['GET', /client$/],
			['GET', /keys/],
			['PUT', /parts\/1$/],
			['POST', /evaluations$/],
			['GET', /evaluations\/[^/]*$/],
			['GET', /outputs$/],
		] as const)
			fake.fail(method, path, fault, 2);
		await connected(fake, async (remote) => {
			// Not waited for by the request that submits: so it is asked for.
			Reflect.set(remote, 'card', { ...remote.card, predicted: { evaluateMs: 1e6, bits: 9 } });
			await answersRight(remote, model);
		});
		assert.is(fake.kept.evaluations.size, 1);
		assert.is(fake.count('POST', /evaluations$/), 3);
		assert.is(fake.count('PUT', /parts\/1$/), 3);
	});

test('what does not help is not tried again, and what may help no more often than was asked for', async ({ fake }) => {
	const attempt = (options: ConnectOptions = {}) => thrown(connect(fake.url, { retry: { firstMs: 1, attempts: 3 }, ...options })); // biome-ignore format: one thought
	fake.fail('GET', /model$/, BUSY, 3);
	assert.equal([(await attempt()).code, fake.count('GET', /./)], ['busy', 3]);
	fake.fail('GET', /model$/, { ...BUSY, headers: { 'retry-after': '1000' } });
	const late = await attempt();
	assert.equal([late.code, (late as RemoteError).retryAfter, fake.count('GET', /./)], ['busy', 1000, 4]);
	fake.fail('GET', /model$/, { status: 429, body: { error: { code: 'too-many', message: 'quota' } } });
	assert.equal([(await attempt()).message, fake.count('GET', /./)], ['quota', 5]);
	fake.fail('GET', /model$/, { status: 400, body: { error: { code: 'message', message: 'bad' } } });
	const bad = await attempt();
	assert.equal([bad instanceof RefusedError, bad.code, fake.count('GET', /./)], [true, 'message', 6]);
	fake.fail('GET', /model$/, { status: 500, body: 'crash' });
	assert.equal([(await attempt()).code, fake.count('GET', /./)], ['defect', 7]);
});

test('keys that the service dropped are sent again', async ({ model, fake }) => {
	await connected(fake, async (remote) => {
		await remote.dropKeys();
		await answersRight(remote, model);
		assert.is(fake.kept.evaluations.size, 1);
		// Dropped after the evaluation was accepted: it has failed, and another takes its place.
		fake.fail('POST', /evaluations$/, {
			status: 202,
			body: { id: 'x', state: 'failed', predictedMs: 1, error: { code: 'keys', message: 'gone' } },
		});
		await answersRight(remote, model, 1);
		const ids = fake.seen.filter(({ method }) => method === 'POST').map(({ headers }) => headers['idempotency-key']);
		assert.is(new Set(ids).size, 3);
		const gone = { status: 409, body: { error: { code: 'keys', message: 'gone' } } };
		fake.fail('POST', /evaluations$/, gone, 4);
		assert.is((await thrown(remote.infer(model.sampleOf(0)))).code, 'busy');
	});
});

test('an evaluation that the service forgot is submitted again', async ({ model, fake }) => {
	fake.fail('GET', /outputs$/, { status: 404, body: { error: { code: 'not-found', message: 'gone' } } });
	fake.fail('GET', /evaluations\/[^/]*$/, { status: 404, body: { error: { code: 'not-found', message: 'gone' } } });
	await connected(fake, async (remote) => {
		Reflect.set(remote, 'card', { ...remote.card, predicted: { evaluateMs: 1e6, bits: 9 } });
		const stages = new Set<string>();
		const result = await remote.infer(model.sampleOf(0), { onProgress: ({ stage }) => stages.add(stage) });
		assert.ok(model.errorOf(result, 0) <= 1);
		assert.is(fake.count('POST', /evaluations$/), 3);
		for (const stage of ['encrypt', 'send', 'receive', 'decrypt']) assert.ok(stages.has(stage), stage);
	});
});

test('an abort cancels the evaluation on the server', async ({ model }) => {
	const fake = await startFake(model.compiled, { slow: true });
	try {
		await connected(fake, async (remote) => {
			fake.fail('GET', /evaluations\/[^/]*$/, { status: 200, body: { id: 'x', state: 'waiting', position: 3 } }, 50);
			const controller = new AbortController();
			const onProgress = ({ stage, total }: { stage: string; total: number }): void => {
				if (stage === 'wait' && total === 3) controller.abort();
			};
			const error = await thrown(remote.infer(model.sampleOf(0), { signal: controller.signal, onProgress }));
			assert.is(error.code, 'aborted');
			assert.equal(
				[...fake.kept.evaluations.values()].map(({ state }) => state),
				['cancelled'],
			);
			assert.is((await thrown(remote.infer(model.sampleOf(0), { signal: controller.signal }))).code, 'aborted');
			assert.is(fake.kept.evaluations.size, 1);
		});
	} finally {
		await fake.stop();
	}
});

test('an evaluation that fails or is cancelled says why', async ({ model, fake }) => {
	await connected(fake, async (remote) => {
		const answers = [
			[{ state: 'cancelled' }, 'RemoteError conflict'],
			[{ state: 'failed', error: { code: 'memory', message: 'm' } }, 'RefusedError memory'],
			[{ state: 'failed', error: { code: 'defect', message: 'm' } }, 'RemoteError defect'],
			[{ state: 'failed', error: 7 }, 'RemoteError defect'],
			[{ state: 'lost' }, 'RemoteError protocol'],
			[{ state: 'running', progress: { step: 7 } }, 'RemoteError protocol'],
		] as const;
		for (const [status, expected] of answers) {
			fake.fail('POST', /evaluations$/, { status: 202, body: { id: 'x', predictedMs: 1, ...status } });
			const { name, code } = await thrown(remote.infer(model.sampleOf(0)));
			assert.is(`${name} ${code}`, expected);
		}
	});
});

test('programs, cards and messages that do not fit are refused', async ({ model, fake }) => {
	const { client } = model.compiled.program;
	const other = { ...client, fingerprint: 'f'.repeat(64) };
	const refused = async (options: ConnectOptions = {}): Promise<string> => {
		const { name, code } = await thrown(connect(fake.url, { retry, ...options }));
		return `${name} ${code}`;
	};
	assert.is(await refused({ program: other }), 'RefusedError program');
	for (const body of ['', 'no JSON', '[]', '{}', { ...client, parameters: {} }]) {
		fake.fail('GET', /client$/, { status: 200, body });
		assert.is(await refused(), 'RefusedError program');
	}
	const { parameters } = client;
	const weak = { ...client, parameters: { ...parameters, ringDegree: parameters.ringDegree / 4 } };
	fake.fail('GET', /client$/, { status: 200, body: { ...weak, inputs: [], outputs: [] } });
	assert.is(await refused(), 'RefusedError program');
	for (const body of ['', '{', { ...fake.card, fingerprint: 'x' }, { ...fake.card, keys: 7 }, 'x'.repeat(2 ** 21)]) {
		fake.fail('GET', /model$/, { status: 200, body });
		assert.is(await refused(), 'RemoteError protocol');
	}
	const mixed = await createClient(client);
	const stranger = await connect(fake.url, { retry });
	const answer = await stranger.evaluate(await stranger.client.encrypt(model.sampleOf(0)));
	assert.is((await thrown(mixed.decrypt(answer))).code, 'keys');
	fake.fail('POST', /evaluations$/, {
		status: 200,
		headers: { 'content-type': 'application/octet-stream' },
		body: answer.slice(0, -1),
	});
	assert.is((await thrown(stranger.infer(model.sampleOf(0)))).code, 'message');
	fake.fail('POST', /evaluations$/, {
		status: 200,
		headers: { 'content-type': 'application/octet-stream' },
		body: new Uint8Array(answer.length + 2 ** 16 + 1),
	});
	assert.is((await thrown(stranger.infer(model.sampleOf(0)))).code, 'protocol');
	mixed.dispose();
	await stranger.close();
});

test('tokens go to the service alone, and into no error', async ({ model }) => {
	const fake = await startFake(model.compiled, { token: 'secret-token' });
	try {
		const { fetch } = globalThis;
		const fetched: string[] = [];
		const spy: typeof fetch = (url, init) => {
			fetched.push(String(url));
			return fetch(url, init);
		};
		await connected(fake, (remote) => answersRight(remote, model), { token: 'secret-token', fetch: spy });
		assert.ok(fetched.length > 4 && fetched.every((url) => url.startsWith(fake.url) && !url.includes('secret-token')));
		const attempts: readonly [ConnectOptions, string | undefined, string][] = [
			[{ token: 'wrong-token' }, undefined, 'unauthorized'],
			[{}, undefined, 'unauthorized'],
			[{ token: 'bad token\n' }, undefined, 'misuse'],
			[{ token: 'secret-token' }, 'ftp://127.0.0.1', 'misuse'],
			[{ token: 'secret-token' }, 'nonsense', 'misuse'],
			[{ token: 'secret-token' }, fake.url.replace('//', '//user:secret-token@'), 'misuse'],
			[{ token: 'secret-token', retry: { attempts: 0 } }, undefined, 'misuse'],
		];
		for (const [options, url, code] of attempts) {
			const error = await thrown(connect(url ?? fake.url, { retry, ...options }));
			assert.is(error.code, code);
			assert.not.match(JSON.stringify([error.message, error.hint, error.stack]), /(?:secret|bad|wrong).token/);
		}
		fake.fail('GET', /model$/, { status: 307, headers: { location: 'http://127.0.0.1:9/v1/model' } });
		assert.is((await thrown(connect(fake.url, { retry: { attempts: 1 }, token: 'secret-token' }))).code, 'network');
	} finally {
		await fake.stop();
	}
});

test('clients with keys of their own, and calls at the same time, do not disturb each other', async ({
	model,
	fake,
}) => {
	const remotes = await Promise.all([0, 1].map(() => connect(fake.url, { retry, sendKeys: false })));
	await Promise.all(remotes.flatMap((remote, k) => [0, 1, 2].map((i) => answersRight(remote, model, 3 * k + i))));
	assert.is(fake.count('PUT', /parts\/0$/), 2);
	await Promise.all(remotes.map((remote) => remote.close()));
});

test('a caller that gives up does not take the upload from another', async ({ model, fake }) => {
	await connected(
		fake,
		async (remote) => {
			const controller = new AbortController();
			const first = thrown(remote.sendKeys({ signal: controller.signal, onProgress: () => controller.abort() }));
			await Promise.all([remote.sendKeys(), first]);
			assert.is((await first).code, 'aborted');
			await answersRight(remote, model);
		},
		{ sendKeys: false },
	);
});

test.run();
