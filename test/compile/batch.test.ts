import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompileError } from '../../compiler/errors.ts';
import { type Compiled, type CompileOptions, compile } from '../../compiler/index.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { MOST_MEMORY } from '../../runtime/plan.ts';
import type { Result } from '../../runtime/results.ts';
import { node } from '../support/onnx.ts';
import { runEncrypted } from './encrypted.ts';
import { calibrationOf, convolutional, floats, integers, model, sampleOf, tiny } from './models.ts';
import { networkOf } from './networks.ts';
import { randomModel } from './random.ts';
import { checkModel, type Sample } from './support.ts';

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
	Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN))).reduce((most, d) => Math.max(most, d), 0);

const checkResults = (
	compiled: Compiled,
	samples: readonly Sample[],
	results: readonly Result[],
	allowed: number,
): void => {
	assert.is(results.length, samples.length);
	results.forEach(({ outputs, warnings }, k) => {
		assert.equal(warnings, []);
		const expected = evaluate(compiled.stages.core, samples[k] as Sample).get('y') as Float64Array;
		const error = largestDifference(outputs.get('y')?.raw.data ?? [], expected);
		assert.ok(error <= allowed, `sample ${k}: error ${error}, at most ${allowed}`);
	});
};

/** Numbers of samples in one ciphertext, from one to all slots, for a ring of 8192. */
const BATCHES = [1, 4, 64, 4096];

test('one network gives the same results in the clear, with noise and encrypted, whether 1, 4, 64 or 4096 samples share ciphertexts', async () => {
	// Six: at four samples in one ciphertext the last ones are two.
	const samples = [1, 2, 3, 4, 5, 6].map((seed) => sampleOf({ x: 16 }, seed));
	for (const batch of BATCHES) {
		const compiled = compile(tiny(), { batch });
		const { client } = compiled.program;
		assert.equal([client.batch, client.parameters.ringDegree], [batch, 8192]);
		const error = client.outputs[0]?.predictedError ?? 0;
		checkResults(compiled, samples, await evaluateLocally(compiled.program, 'clear', samples), 1e-9);
		checkResults(compiled, samples, await evaluateLocally(compiled.program, 'simulate', samples), error);
		checkResults(compiled, samples, await runEncrypted(compiled.program, samples), error);
	}
});

test('the predicted error holds for every one of 4096 samples in the same ciphertexts', async () => {
	const calibration = calibrationOf({ x: 16 }, 16);
	const compiled = compile(tiny(), { batch: 4096, calibration });
	const samples = Array.from({ length: 4096 }, (_, k) => sampleOf({ x: 16 }, 100 + (k % 16)));
	const error = compiled.program.client.outputs[0]?.predictedError ?? 0;
	checkResults(compiled, samples, await evaluateLocally(compiled.program, 'simulate', samples), error);
	checkResults(compiled, samples, await runEncrypted(compiled.program, samples), error);
});

test('with a sample in every slot, each weight is one product with a number, and nothing is rotated', async () => {
	const { program, report } = await checkModel(convolutional(), [sampleOf({ x: 144 })], { options: { batch: 4096 } });
	assert.equal(program.server.keys.steps, []);
	assert.is(report.counts.rotations, 0);
	assert.is(report.counts.relinearizations, 108);
	// A 3 x 3 window of stride 2 on 12 x 12 with one row of padding: along each axis 17 of 18 entries lie inside.
	assert.is(report.counts.plainProducts, 3 * 17 ** 2 + 5 * 108);
	assert.is(report.memory.constants, 0);
	assert.equal(program.client.inputs[0]?.parts.length, 144);
});

test('rows without weights, sums, differences and copies are right with a sample in every slot', async () => {
	const nodes = [
		node('Gemm', ['x', 'w', 'b'], ['h']),
		node('Reshape', ['h', 'square'], ['s']),
		node('Transpose', ['s'], ['t'], { attributes: { perm: [1, 0] } }),
		node('Reshape', ['t', 'row'], ['r']),
		node('Sub', ['h', 'r'], ['d']),
		node('Mul', ['d', 'x'], ['p']),
		node('Add', ['p', 'x'], ['y']),
	];
	const w = floats([4, 4], 1);
	const bytes = model(nodes, { x: [1, 4] }, ['y'], {
		// The second unit is dead: only its bias is left. Of the difference, the first and last row vanish.
		w: { ...w, data: Array.from(w.data, Number).map((value, i) => (i % 4 === 1 ? 0 : value)) },
		b: floats([4], 2),
		square: integers(2, 2),
		row: integers(1, 4),
	});
	const { program } = await checkModel(bytes, [sampleOf({ x: 4 })], { options: { batch: 4096 } });
	assert.is(program.client.batch, 4096);
});

test('random networks give the same answer at every stage with one, two or four slots for each sample', async () => {
	const models = [...fc.sample(randomModel(), { seed: 7, numRuns: 60 }), ...[4, 9, 14, 19, 24, 29].map(networkOf)];
	let compared = 0;
	for (const [k, random] of models.entries()) {
		if (random === undefined) continue;
		const options = { batch: [4096, 2048, 1024][k % 3] as number, calibration: calibrationOf(random.sizes, 8) };
		try {
			await checkModel(random.bytes, [sampleOf(random.sizes, 3, -0.9, 0.9)], { options, reference: false });
			compared++;
		} catch (error) {
			if (!(error instanceof CompileError && /does not depend/.test(error.message)))
				throw new Error(`${random.text}; batch ${options.batch}: ${String(error)}`, { cause: error });
		}
	}
	assert.ok(compared > 25, `${compared} networks were compared`);
});

/** What must not change for more samples to be free. */
const costOf = ({ report }: Compiled) => ({
	ringDegree: report.parameters.ringDegree,
	keySwitches: report.counts.rotations + report.counts.relinearizations,
	milliseconds: report.predicted.evaluateMs,
});

test('auto takes as many samples as cost nothing, and twice as many would cost something', () => {
	const compileAt = (batch: NonNullable<CompileOptions['batch']>): Compiled => compile(convolutional(), { batch });
	const auto = compileAt('auto');
	const { batch, slots } = auto.report.parameters;
	const alone = costOf(compileAt(1));
	const shared = costOf(auto);
	assert.ok(batch > 1 && batch < slots, `${batch} samples`);
	assert.is(shared.ringDegree, alone.ringDegree);
	assert.ok(shared.keySwitches <= alone.keySwitches);
	assert.ok(shared.milliseconds <= 1.03 * alone.milliseconds + 1);
	const twice = costOf(compileAt(2 * batch));
	assert.ok(
		twice.ringDegree > alone.ringDegree ||
			twice.keySwitches > alone.keySwitches ||
			twice.milliseconds > 1.02 * alone.milliseconds,
		JSON.stringify({ alone, twice }),
	);
});

test('more samples than limited keys can serve are not taken, and passes show what was taken', () => {
	const { bytes, options } = networkOf(24);
	const shownAt = (
		batch: NonNullable<CompileOptions['batch']>,
	): { batch: number; texts: ReadonlyMap<string, string> } => {
		const texts = new Map<string, string>();
		const { calibration = new Map() } = options;
		const { report } = compile(
			bytes,
			{ calibration, batch, maxKeys: 2, precision: 16 },
			{ observe: ({ pass, text }) => texts.set(pass, text()) },
		);
		assert.ok(report.keys.count <= 2, `${report.keys.count} keys`);
		return { batch: report.parameters.batch, texts };
	};
	const auto = shownAt('auto');
	assert.throws(() => shownAt(2 * auto.batch), /2 evaluation keys are not enough/);
	assert.equal([...auto.texts], [...shownAt(auto.batch).texts]);
});

test('throughput takes the number of samples with the least time for each, and its memory fits', async () => {
	const calibration = calibrationOf({ x: 144 }, 8);
	const best = compile(convolutional(), { optimize: 'throughput', calibration });
	const { batch } = best.report.parameters;
	const perSample = best.report.predicted.evaluateMs / batch;
	for (const other of [1, 16, 256]) {
		const { report } = compile(convolutional(), { batch: other, calibration });
		assert.ok(perSample < report.predicted.evaluateMs / other, `${other} samples take less time each than ${batch}`);
	}
	assert.ok(best.report.memory.total <= MOST_MEMORY);
	const samples = [sampleOf({ x: 144 }, 7)];
	checkResults(best, samples, await evaluateLocally(best.program, 'clear', samples), 1e-9);
});

test('an explicit number of samples is kept whatever is made cheap', () => {
	const { report } = compile(tiny(), { batch: 16, optimize: 'throughput' });
	assert.is(report.parameters.batch, 16);
});

test.run();
