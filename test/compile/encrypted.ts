import * as assert from 'uvu/assert';
import type { Compiled, Program } from '../../compiler/index.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { createClient } from '../../runtime/client.ts';
import type { Result } from '../../runtime/results.ts';
import { createServer, type ServerOptions } from '../../runtime/server.ts';
import type { Sample } from './support.ts';

/** Outputs before their tails, by name. */
export const rawOf = ({ outputs }: Result): ReadonlyMap<string, Float64Array> =>
	new Map([...outputs].map(([name, { raw }]) => [name, raw.data]));

/** Every result is within the predicted error of the polynomial model, not exact, and without a warning. */
export const checkResults = (
	{ program, stages }: Compiled,
	samples: readonly Sample[],
	results: readonly Result[],
): void => {
	assert.is(results.length, samples.length);
	results.forEach(({ outputs, warnings }, k) => {
		assert.equal(warnings, []);
		const expected = evaluate(stages.core, samples[k] as Sample);
		for (const { name, predictedError } of program.client.outputs) {
			const raw = outputs.get(name)?.raw.data as Float64Array;
			const error = Math.max(...raw.map((value, i) => Math.abs(value - (expected.get(name)?.[i] ?? Number.NaN))));
			assert.ok(error > 0, 'no noise: nothing was encrypted');
			assert.ok(error <= predictedError, `${name}: error ${error}, predicted at most ${predictedError}`);
		}
	});
};

/** Encrypts, computes and decrypts all samples as two machines would, as many at once as the program takes. */
export const runEncrypted = async (
	program: Program,
	samples: readonly Sample[],
	options: Pick<ServerOptions, 'backend' | 'threads'> = {},
): Promise<readonly Result[]> => {
	const client = await createClient(program.client);
	const onNotice = (text: string): never => {
		throw new Error(text);
	};
	const server = await createServer(program.server, program.constants, { ...options, onNotice });
	await server.loadKeys(await client.evaluationKeys());
	const results: Result[] = [];
	const { batch } = program.client;
	for (let first = 0; first < samples.length; first += batch) {
		const message = await client.encryptBatch(samples.slice(first, first + batch));
		results.push(...(await client.decryptBatch(await server.evaluate(message))));
	}
	client.dispose();
	await server.dispose();
	return results;
};
