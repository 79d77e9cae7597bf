import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Client, createClient } from '../../runtime/client.ts';
import type { ClientProgram } from '../../runtime/plan.ts';
import { connect, RefusedError, type Remote, type RemoteClientOptions } from '../../runtime/remote/index.ts';
import { startFake } from './fake.ts';
import { modelOf } from './model.ts';

const retry = { firstMs: 1 };
const model = modelOf('breast-cancer-logistic');
const none = { decided: 0, rounded: 0, flooded: 0, refused: 0 };

test('what a service answered is published and counted by the client, from where the last one stopped', async () => {
	const fake = await startFake(model.compiled);
	const remote = await connect(fake.url, { retry, publishing: { done: { ...none, decided: 6 }, most: 8 } });
	try {
		const result = await remote.infer(model.sampleOf(0));
		const probability = result.outputs.get('probability')?.data[0] ?? Number.NaN;
		const { outputs, spread } = remote.publish(result, { mode: 'decision' });
		assert.equal([...(outputs.get('probability')?.data ?? [])], [probability > 0.5 ? 1 : 0]);
		assert.is(spread.get('probability'), 0);
		assert.equal(remote.publications, { ...none, decided: 7 });
		assert.equal(remote.client.publications, remote.publications);
		assert.throws(
			() => remote.publish(result, { mode: 'round', digits: 9 }),
			(error: unknown) => error instanceof RefusedError && error.code === 'publish',
		);
	} finally {
		await remote.close();
		await fake.stop();
	}
});

/** A client of one's own, as types see it too. */
class Counting {
	readonly #client: Client;
	encrypted = 0;

	constructor(client: Client) {
		this.#client = client;
	}

	get keySet() {
		return this.#client.keySet;
	}

	get publications() {
		return this.#client.publications;
	}

	evaluationKeyParts(...options: Parameters<Client['evaluationKeyParts']>) {
		return this.#client.evaluationKeyParts(...options);
	}

	encrypt(sample: { readonly features: ArrayLike<number> }) {
		this.encrypted++;
		return this.#client.encrypt(sample);
	}

	decrypt(message: Uint8Array) {
		return this.#client.decrypt(message);
	}

	publish(...options: Parameters<Client['publish']>) {
		return this.#client.publish(...options);
	}

	dispose() {
		this.#client.dispose();
	}
}

test('a client that is made in another way gives its types, though the options are in a variable', async () => {
	const fake = await startFake(model.compiled);
	const options = {
		retry,
		createClient: async (program: ClientProgram, given: RemoteClientOptions) =>
			new Counting(await createClient(program, given)),
	};
	const remote: Remote<Counting> = await connect(fake.url, options);
	try {
		// @ts-expect-error: no input has this name
		const wrong = () => remote.infer({ feature: [1] });
		await wrong().then(
			() => assert.unreachable('an unknown input was encrypted'),
			({ code }) => assert.is(code, 'input'),
		);
		const features = model.sampleOf(0).get('features') ?? [];
		assert.ok(model.errorOf(await remote.infer({ features }), 0) <= 1);
		assert.is(remote.client.encrypted, 2);
	} finally {
		await remote.close();
		await fake.stop();
	}
});

test.run();
