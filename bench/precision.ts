/**
 * Predicted against measured precision: every model of the zoo, encrypted for real under several keys. Prints the predicted
 * bound of the error of each output, the largest error of each run, and how far below the bound it is in bits: from 0 (the
 * bound holds) to 4 (it is tight). Errors are against the same program on the clear backend: what encryption adds.
 *
 * npm run bench -- precision [samples per key set] [bits of precision asked for]
 */
import { models, type ZooModel } from '../models/index.ts';
import { createClient } from '../runtime/client.ts';
import { evaluateLocally } from '../runtime/local.ts';
import { createServer } from '../runtime/server.ts';
import { compileZoo, rowsOf } from './zoo.ts';

const KEY_SETS = 3;
const measure = async (model: ZooModel, count: number, precision: number): Promise<void> => {
	const { program, input } = compileZoo(model, { precision });
	const server = await createServer(program.server, program.constants);
	const samples = rowsOf(model.samples).slice(0, count);
	const errors: number[] = [];
	for (let k = 0; k < KEY_SETS; k++) {
		const client = await createClient(program.client);
		await server.loadKeys(await client.evaluationKeys());
		for (const data of samples) {
			const sample = new Map([[input, data]]);
			const { outputs } = await client.decrypt(await server.evaluate(await client.encrypt(sample)));
			const [clear] = await evaluateLocally(program, 'clear', [sample]);
			for (const [name, { raw }] of outputs) {
				const exact = clear?.outputs.get(name)?.raw.data;
				errors.push(Math.max(...raw.data.map((x, i) => Math.abs(x - (exact?.[i] ?? Number.NaN)))));
			}
		}
		server.dropKeys(client.keySet);
		client.dispose();
	}
	server.dispose();
	const predicted = Math.max(...program.client.outputs.map((output) => output.predictedError));
	const margins = errors.map((error) => Math.log2(predicted / error));
	console.log(
		`${model.name}: predicted <= ${predicted.toExponential(2)}, measured ${Math.min(...errors).toExponential(2)} to ${Math.max(...errors).toExponential(2)}, ` +
			`${Math.min(...margins).toFixed(2)} to ${Math.max(...margins).toFixed(2)} bits below`,
	);
};

for (const model of models) await measure(model, Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 10));
