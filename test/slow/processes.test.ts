import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { zoo } from '../../models/index.ts';
import { connect, RefusedError, RemoteError } from '../../runtime/remote/index.ts';
import { modelOf } from '../remote/model.ts';
import { serve, TOKENS } from './serve.ts';

/** Models of the zoo, each served by a process of its own to two clients in this one. ALL_MODELS=1 takes all with keys below the limit. */
const QUICK = ['breast-cancer-logistic', 'mlp-wine', 'mlp-diabetes', 'breast-cancer', 'mnist-cryptonets'];
const MOST_KEYS = 150e6;
const chosen = process.env.ALL_MODELS === '1' ? zoo.map(({ name }) => name) : QUICK;

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
	const error = await promise.then(
		() => undefined,
		(reason: unknown) => reason,
	);
	if (error instanceof RefusedError || error instanceof RemoteError) return `${error.name} ${error.code}`;
	throw new Error(`no typed error: ${String(error)}`);
};

for (const name of chosen)
	test(`${name}: two processes, two clients at the same time, answers as in the clear`, async () => {
		const { compiled, sampleOf, errorOf } = modelOf(name);
		if (compiled.report.keys.bytes > MOST_KEYS) return;
		const served = await serve(compiled);
		try {
			const remotes = await Promise.all(TOKENS.map((token) => connect(served.url, { token })));
			await Promise.all(
				remotes.map(async (remote, k) => {
					const result = await remote.infer(sampleOf(k));
					assert.ok(errorOf(result, k) <= 1, `${errorOf(result, k)} of the predicted error`);
				}),
			);
			await Promise.all(remotes.map((remote) => remote.close()));
			assert.ok(served.alive());
		} finally {
			await served.stop();
		}
	});

test('keys, fingerprints and models that were mixed up are refused with a type', async () => {
	const { compiled, sampleOf } = modelOf('breast-cancer-logistic');
	const other = modelOf('mlp-wine').compiled.program.client;
	const served = await serve(compiled);
	try {
		const [first, second] = await Promise.all(TOKENS.map((token) => connect(served.url, { token })));
		if (first === undefined || second === undefined) throw new Error('two clients were asked for');
		const token = TOKENS[0];
		const message = await first.client.encrypt(sampleOf(0));
		const outputs = await first.evaluate(message);
		// The answer to another client, and inputs whose keys belong to another token.
		assert.is(await codeOf(second.client.decrypt(outputs)), 'RefusedError keys');
		const stolen = await connect(served.url, { token: TOKENS[1], sendKeys: false });
		assert.is(await codeOf(stolen.evaluate(message)), 'RemoteError busy');
		assert.is(await codeOf(connect(served.url, { token, program: other })), 'RefusedError program');
		assert.is(await codeOf(connect(served.url, { token: 'marker-token-of-nobody' })), 'RemoteError unauthorized');
		const foreign = message.slice();
		foreign[8] = (foreign[8] ?? 0) ^ 1;
		assert.is(await codeOf(first.evaluate(foreign)), 'RefusedError message');
		const secretKey = await first.client.exportSecretKey();
		secretKey[8] = (secretKey[8] ?? 0) ^ 1;
		assert.is(await codeOf(connect(served.url, { token, secretKey })), 'RefusedError message');
		await Promise.all([first, second, stolen].map((remote) => remote.close()));
	} finally {
		await served.stop();
	}
});

test.run();
