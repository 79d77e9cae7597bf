import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseNpy } from '../../cli/arrays.ts';
import { compile } from '../../compiler/index.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { MOST_MEMORY } from '../../runtime/plan.ts';
import { model } from '../compile/models.ts';
import { node } from '../support/onnx.ts';

/** The layout of CryptoNets: a sample in every slot, each element in a ciphertext of its own. */
const folder = join(import.meta.dirname, '..', '..', 'models', 'mnist-cryptonets');

/** The arrays of a .npy file along its first axis. */
const rowsOf = (path: string): readonly Float64Array[] => {
	const { shape, data } = parseNpy(readFileSync(join(folder, path)), path);
	const size = data.length / (shape[0] as number);
	return Array.from({ length: shape[0] as number }, (_, i) => data.slice(i * size, (i + 1) * size));
};

const decision = (values: ArrayLike<number>): number => Array.from(values).indexOf(Math.max(...Array.from(values)));

test('4096 images at once through the CryptoNets network: no rotation, the right digits in the clear and with noise', async () => {
	const calibration = new Map([['image', rowsOf('model.calibration.npy')]]);
	const { program, report, clear } = compile(readFileSync(join(folder, 'model.onnx')), { calibration, batch: 4096 });
	assert.equal(program.server.keys.steps, []);
	assert.is(report.counts.relinearizations, 845 + 100);
	assert.ok(report.memory.total < MOST_MEMORY / 4, `${report.memory.total} bytes`);
	const samples = rowsOf('samples/images.npy').map((data) => new Map([['image', data]]));
	const labels = rowsOf('samples/labels.npy').map(([label]) => label as number);
	for (const backend of ['clear', 'simulate'] as const) {
		const results = await evaluateLocally(program, backend, samples);
		assert.is(results.length, samples.length);
		results.forEach(({ outputs, warnings }, k) => {
			assert.equal(warnings, []);
			const found = [...outputs.values()][0]?.data ?? new Float64Array();
			const expected = [...clear(samples[k] as Map<string, Float64Array>).values()][0]?.data ?? new Float64Array();
			const allowed = backend === 'clear' ? 1e-9 * Math.max(...expected.map(Math.abs)) : report.predicted.error;
			found.forEach((value, i) => {
				const error = Math.abs(value - (expected[i] as number));
				assert.ok(error <= allowed, `${backend}: image ${k}, output ${i} is off by ${error}`);
			});
			assert.is(decision(found), decision(expected));
		});
		const right = results.filter(({ outputs }, k) => decision([...outputs.values()][0]?.data ?? []) === labels[k]);
		assert.ok(right.length >= 0.95 * samples.length, `${right.length} of ${samples.length} are right`);
	}
});

test('a circuit of more operations than a function takes arguments compiles, report and all', () => {
	const size = 45_000;
	const nodes = [node('Mul', ['x', 'x'], ['s']), node('Add', ['s', 'x'], ['y'])];
	const { report, stages } = compile(model(nodes, { x: [1, size] }, ['y']), { batch: 4096 });
	assert.ok(stages.solution.circuit.ops.length > 150_000);
	assert.equal([report.counts.products, report.counts.relinearizations], [size, size]);
});

test.run();
