/**
 * A residual network of CIFAR size with 308,000 weights (bench/generated.ts): compile time, peak memory, counts, and its answer to
 * inputs that are not among the calibration, on the given backends (default: clear and simulate) against onnxruntime. Writes it
 * with inputs for the command line to build/residual.
 *
 * npm run bench -- residual [backend ...]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { writeNpy } from '../cli/arrays.ts';
import { type Compiled, compile } from '../compiler/index.ts';
import { createClient } from '../runtime/client.ts';
import { evaluateLocally } from '../runtime/local.ts';
import { createServer } from '../runtime/server.ts';
import { randomNumbers, reference } from '../test/support/onnx.ts';
import { calibrationOf, type Generated, residual } from './generated.ts';
import { timed } from './zoo.ts';

const WIDTH = 16;
const INPUTS = 3;

const save = ({ bytes, samples, shape }: Generated, inputs: readonly Float64Array[]): void => {
	const folder = new URL('../build/residual/', import.meta.url);
	mkdirSync(folder, { recursive: true });
	const array = (rows: readonly Float64Array[]) => ({
		shape: [rows.length, ...shape.slice(1)],
		data: Float64Array.from(rows.flatMap((row) => [...row])),
	});
	writeFileSync(new URL('model.onnx', folder), bytes);
	writeNpy(new URL('model.calibration.npy', folder).pathname, array(samples), 'f4');
	writeNpy(new URL('inputs.npy', folder).pathname, array(inputs), 'f4');
};

/** The raw outputs for each input. */
const evaluate = async (
	{ program }: Compiled,
	backend: string,
	inputs: readonly Float64Array[],
): Promise<readonly Float64Array[]> => {
	const samples = inputs.map((x) => new Map([['x', x]]));
	const valuesOf = (outputs: ReadonlyMap<string, { readonly raw: { readonly data: Float64Array } }>): Float64Array =>
		[...outputs.values()][0]?.raw.data ?? new Float64Array();
	if (backend === 'clear' || backend === 'simulate')
		return (await evaluateLocally(program, backend, samples)).map(({ outputs }) => valuesOf(outputs));
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants);
	await server.loadKeys(await client.evaluationKeys());
	const results: Float64Array[] = [];
	for (const sample of samples) {
		const { outputs } = await client.decrypt(await server.evaluate(await client.encrypt(sample)));
		results.push(valuesOf(outputs));
	}
	client.dispose();
	await server.dispose();
	return results;
};

const model = residual(WIDTH);
const inputs = Array.from({ length: INPUTS }, (_, k) => randomNumbers(k + 1, model.samples[0]?.length ?? 0));
save(model, inputs);
const expected: Float64Array[] = [];
for (const data of inputs) {
	const outputs = await reference(model.bytes, new Map([['x', { shape: model.shape, data }]]));
	expected.push([...outputs.values()][0]?.data ?? new Float64Array());
}
const start = process.cpuUsage();
const compiled = compile(model.bytes, { calibration: calibrationOf(model) });
const { user, system } = process.cpuUsage(start);
const { parameters, counts, keys, memory, predicted } = compiled.report;
console.log(`${model.weights} weights, compiled in ${((user + system) / 1e6).toFixed(1)} s`);
console.log(`peak memory so far ${(process.resourceUsage().maxRSS / 1000).toFixed(0)} MB`);
console.log(
	`N = ${parameters.ringDegree}, ${parameters.logQ} bits in ${parameters.primes.length} primes, depth ${counts.depth}, ` +
		`${counts.rotations} rotations, ${counts.relinearizations} relinearisations, ${counts.plainProducts} plaintext products`,
);
console.log(
	`${keys.count} keys, ${(keys.bytes / 1e6).toFixed(0)} MB as sent; server memory ${(memory.total / 1e6).toFixed(0)} MB; ` +
		`predicted ${(predicted.evaluateMs / 1000).toFixed(0)} s, ${predicted.bits} bits`,
);
for (const backend of process.argv.length > 2 ? process.argv.slice(2) : ['clear', 'simulate']) {
	const { result, ms } = await timed(() => evaluate(compiled, backend, inputs));
	const errors = result.map((values, k) =>
		Math.max(...values.map((v, i) => Math.abs(v - (expected[k]?.[i] ?? Number.NaN)))),
	);
	const largest = Math.max(...expected.flatMap((values) => [...values].map(Math.abs)));
	console.log(
		`${backend}: ${INPUTS} inputs in ${(ms / 1000).toFixed(1)} s, largest error ${Math.max(...errors).toExponential(1)} of ${largest.toFixed(2)}`,
	);
}
