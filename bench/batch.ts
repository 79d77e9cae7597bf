/**
 * What sharing ciphertexts among samples does: one model at 1, 4, 64 and as many samples as it has slots, each compiled,
 * filled, encrypted and evaluated by the kernel on one thread. Times are CPU time, and predictions are for the machine of the cost
 * table. Evaluations that are predicted to take longer than the limit are not measured. Prints Markdown.
 *
 * npm run bench -- batch [model [seconds]]
 */
import type { Compiled } from '../compiler/index.ts';
import { models } from '../models/index.ts';
import { createClient } from '../runtime/client.ts';
import { createServer } from '../runtime/server.ts';
import { onNotice } from './session.ts';
import { slownessHere } from './slowness.ts';
import { compileZoo, cpuTimed, rowsOf, steady } from './zoo.ts';

const [name = 'mnist-cryptonets', limit = '120'] = process.argv.slice(2);
const model = models.find((candidate) => candidate.name === name);
if (model === undefined)
	throw new Error(`There is no model "${name}"; there are ${models.map((m) => m.name).join(', ')}.`);

const row = (...cells: readonly (string | number)[]): void => console.log(`| ${cells.join(' | ')} |`);
const each = (total: number, batch: number): string => Number((total / batch).toPrecision(3)).toString();

/** Milliseconds of an evaluation of full ciphertexts, once the constants are encoded and the code is hot. */
const measure = async ({ program }: Compiled, input: string): Promise<number> => {
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants, { onNotice });
	await server.loadKeys(await client.evaluationKeys());
	const known = rowsOf(model.samples);
	const samples = Array.from(
		{ length: program.client.batch },
		(_, i) => new Map([[input, known[i % known.length] as Float64Array]]),
	);
	const request = await client.encryptBatch(samples);
	const evaluate = () => server.evaluate(request);
	// With a sample in each slot, one run of seconds leaves nothing cold.
	const full = program.client.batch === program.client.parameters.ringDegree / 2;
	const ms = full ? (await cpuTimed(evaluate)).ms : await steady(evaluate, 1);
	client.dispose();
	await server.dispose();
	return ms;
};

const { slots } = compileZoo(model).report.parameters;
console.log(`${model.name}: ${model.summary}`);
console.log(
	`This machine takes ${(await slownessHere('kernel')).toFixed(2)} times as long as that of the cost table.\n`,
);
row(
	'samples in one ciphertext',
	'N',
	'key switches',
	'products',
	'keys, MB',
	'memory, MB',
	'sent, kB',
	'predicted, ms',
	'measured, ms',
);
row(...new Array<string>(9).fill('---:'));
for (const batch of [1, 4, 64, slots]) {
	const { input, ...compiled } = compileZoo(model, { batch });
	const { parameters, counts, keys, memory, predicted, traffic } = compiled.report;
	const measured = predicted.evaluateMs <= 1000 * Number(limit) ? each(await measure(compiled, input), batch) : '';
	row(
		batch,
		parameters.ringDegree,
		counts.rotations + counts.relinearizations,
		counts.plainProducts,
		(keys.bytes / 1e6).toFixed(1),
		(memory.total / 1e6).toFixed(0),
		each(traffic.uploadBytes / 1000, batch),
		each(predicted.evaluateMs, batch),
		measured,
	);
}
console.log('\nBytes and times are those of one sample of a full ciphertext.');
