import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { zoo } from '../../models/index.ts';
import { readBaselines } from '../../models/regression/baselines.ts';
import { createClient } from '../../runtime/client.ts';
import { connect, RefusedError, RemoteError } from '../../runtime/remote/index.ts';
import { modelOf } from '../remote/model.ts';
import { overHttp } from './overHttp.ts';
import { serve, TOKENS } from './serve.ts';

/** Of all models, those with the fewest bytes of keys are run, until they have so many together: seven of them. ALL_MODELS=1 runs all, in an hour. */
const QUICK_KEYS = 60e6;

/** Models of the zoo, each served by the command line to two clients, all in processes of their own. */
const smallestFirst = (): readonly string[] => {
	const baselines = readBaselines();
	const keyBytes = (name: string): number => baselines.get(name)?.keyBytes ?? Number.POSITIVE_INFINITY;
	const names = zoo.map(({ name }) => name).toSorted((a, b) => keyBytes(a) - keyBytes(b));
	if (process.env.ALL_MODELS === '1') return names;
	const sumTo = (last: number): number => names.slice(0, last + 1).reduce((sum, name) => sum + keyBytes(name), 0);
	return names.filter((_, k) => sumTo(k) <= QUICK_KEYS);
};

/** The most that a service takes that never has more than a key of each upload in memory. */
const MOST_SERVICE = 500e6;
/** What the second half of the keys adds in a client that has one or two of them at a time. */
const mostGrowth = (longestKey: number): number => 100e6 + 4 * longestKey;

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
	const error = await promise.then(
		() => undefined,
		(reason: unknown) => reason,
	);
	if (error instanceof RefusedError || error instanceof RemoteError) return `${error.name} ${error.code}`;
	throw new Error(`no typed error: ${String(error)}`);
};

for (const name of smallestFirst())
	test(`${name}: three processes, two clients at the same time, answers as in the clear, keys streamed`, async () => {
		const { lateGrowth, longestKey, serverBytes } = await overHttp(name);
		assert.ok(lateGrowth < mostGrowth(longestKey), `half of the keys made the client grow by ${lateGrowth} bytes`);
		assert.ok(serverBytes < MOST_SERVICE, `the service took ${serverBytes} bytes`);
	});

test('keys, fingerprints and models that were mixed up are refused with a type', async () => {
	const { compiled, sampleOf } = modelOf('breast-cancer-logistic');
	const wine = modelOf('mlp-wine');
	const other = wine.compiled.program.client;
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
		const stranger = await createClient(other);
		assert.is(await codeOf(first.evaluate(await stranger.encrypt(wine.sampleOf(0)))), 'RemoteError too-large');
		assert.is(await codeOf(stranger.decrypt(outputs)), 'RefusedError message');
		stranger.dispose();
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
