/** The model itself, by onnxruntime: an answer that nothing of ours takes part in. */
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web/wasm';
import type { ZooModel } from '../index.ts';

/** The deciding output for every sample of `shape`. */
export const referenceAnswers = async (
	model: ZooModel,
	shape: readonly number[],
	rows: readonly Float64Array[],
): Promise<Float64Array[]> => {
	ort.env.wasm.numThreads = 1;
	const session = await ort.InferenceSession.create(readFileSync(new URL(`../${model.path}`, import.meta.url)));
	const name = model.output ?? session.outputNames[0] ?? '';
	const answers: Float64Array[] = [];
	for (const row of rows) {
		const input = new ort.Tensor('float32', Float32Array.from(row), [1, ...shape]);
		const output = (await session.run({ [model.input]: input }))[name];
		if (output === undefined) throw new Error(`${model.name} has no output "${name}".`);
		answers.push(Float64Array.from(output.data as Float32Array | BigInt64Array, Number));
	}
	await session.release();
	return answers;
};
