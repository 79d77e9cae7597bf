/**
 * An app in strict TypeScript on what was compiled of two models, `features` [1, 30] and `image` [1, 1, 28, 28]: what it marks as wrong
 * has to be an error of its types, and nothing else.
 */
export const TYPED_APP = `
import { type Client, RefusedError, toNested } from 'onnx-seal/runtime/client';
import { connect, type Remote } from 'onnx-seal/runtime/remote';
import { createWorkerClient } from 'onnx-seal/runtime/browser';
import { createClient, type Inputs, type OutputName, program, type Sample } from './build/client/index.js';
import { createServer } from './build/server/index.js';
import { createClient as createDigits } from './digits/client/index.js';

const features = new Float64Array(30);
const row = [...features];
const image = Array.from({ length: 28 }, () => new Float32Array(28));
const picture = { data: new Uint8ClampedArray(3136), width: 28, height: 28 };

export const right = async (): Promise<number | undefined> => {
	const server = await createServer({ threads: 2 });
	const signal = AbortSignal.timeout(1000);
	const client = await createClient({ signal, onProgress: ({ done, total }) => void (done / total) });
	await server.loadKeys(await client.evaluationKeys());
	const inputs: Inputs = { features };
	const samples: readonly Sample[] = [inputs, { features: [row] }, new Map([['features', [features]]]), row, [row]];
	const { outputs } = await client.decrypt(await server.evaluate(await client.encryptBatch(samples)));
	const digits = await createDigits();
	for (const sample of [image, [image], [[image]], image.flatMap((line) => [...line]), picture]) {
		await digits.encrypt(sample);
		await digits.encrypt({ image: sample });
	}
	toNested(outputs.get('probability') ?? { shape: [], data: features });
	return outputs.get('probability')?.data[0];
};

export const wrong = async (client: Client<Sample, OutputName>, digits: Awaited<ReturnType<typeof createDigits>>) => {
	// @ts-expect-error another name
	await client.encrypt({ feature: row });
	// @ts-expect-error one name too many
	await client.encrypt({ features: row, more: row });
	// @ts-expect-error no numbers
	await client.encrypt({ features: 'text' });
	// @ts-expect-error numbers in strings
	await client.encrypt({ features: ['1'] });
	// @ts-expect-error nested deeper than the shape [1, 30]
	await client.encrypt({ features: [[row]] });
	// @ts-expect-error a number alone
	await client.encrypt({ features: 1 });
	// @ts-expect-error nothing
	await client.encrypt({});
	// @ts-expect-error another name in a Map
	await client.encrypt(new Map([['feature', row]]));
	// @ts-expect-error rows of features are no picture
	await client.encrypt({ features: { data: new Uint8ClampedArray(120), width: 30, height: 1 } });
	// @ts-expect-error nested five deep
	await digits.encrypt({ image: [[[image]]] });
	// @ts-expect-error one sample where there are several
	await client.encryptBatch(row);
	await client.encryptInput('features', row);
	// @ts-expect-error another name
	await client.encryptInput('feature', row);
	// @ts-expect-error text is no message
	await client.decrypt('text');
	// @ts-expect-error nor is it a key
	await (await createServer()).loadKeys('text');
	const result = await client.decrypt(new Uint8Array());
	// @ts-expect-error no output has this name
	result.outputs.get('probabilities');
	client.publish(result, { mode: 'round', digits: 2, outputs: ['probability'] }).outputs.get('probability');
	// @ts-expect-error no output has this name
	client.publish(result, { mode: 'decision', outputs: ['probabilities'] });
	// @ts-expect-error rounding needs a precision
	client.publish(result, { mode: 'round' });
	// @ts-expect-error no option
	await createClient({ thread: 2 });
	// @ts-expect-error no option
	await createServer({ thread: 2 });
};

export const remotes = async () => {
	const plain: Remote<Client> = await connect('https://example.org/');
	const make = (_: unknown, given: Parameters<typeof createClient>[0]) => createClient(given);
	const options = { program, createClient: make };
	const typed = await connect('https://example.org/', options);
	const { outputs } = await typed.infer({ features: row });
	outputs.get('probability');
	// @ts-expect-error no output has this name
	outputs.get('probabilities');
	// @ts-expect-error another name
	await typed.infer({ feature: row });
	const hidden = await connect('https://example.org/', { program, createClient: createWorkerClient<Sample, OutputName> });
	// @ts-expect-error another name
	await hidden.infer({ feature: row });
	const worker = () => new Worker('/model-worker.js', { type: 'module' });
	const own = await createWorkerClient(program, { worker, publishing: { most: 10 } });
	await own.encrypt({ anything: row });
	hidden.client.dispose();
	return [plain, new RefusedError('misuse', 'no').code];
};
`;
