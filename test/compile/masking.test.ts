import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compileZoo } from '../../bench/zoo.ts';
import { maskingText } from '../../cli/report/masking.ts';
import { type Compiled, compile } from '../../compiler/index.ts';
import type { MaskingPrice } from '../../compiler/masking.ts';
import { lower } from '../../compiler/packing/lower.ts';
import { depthOf } from '../../compiler/slots/depths.ts';
import { evaluateAll } from '../../compiler/slots/evaluate.ts';
import { zoo } from '../../models/index.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { randomNumbers } from '../support/onnx.ts';
import { checkMasked, leftoversOf } from './checkMasking.ts';
import { convolutional, perceptron, tiny } from './models.ts';
import { networkOf } from './networks.ts';

/** Whoever decrypts an output finds nothing in its slots but the elements of the outputs. */
const SMALL = ['breast-cancer-logistic', 'mlp-wine', 'breast-cancer', 'mlp-diabetes', 'tenseal-mnist'];
/** Quick ones of every style, and some of two outputs or with several samples; `checkModel` looks at all others, `npm run models:check` at the whole zoo. */
const SEEDS = [0, 1, 4, 5, 7, 9, 12, 14, 15, 24, 29];

for (const model of zoo.filter(({ name }) => SMALL.includes(name)))
	test(`${model.name}: outputs hold nothing but their elements`, () => checkMasked(compileZoo(model), model.name));

test('so do those of random networks', () => {
	for (const seed of SEEDS) {
		const { bytes, options, text } = networkOf(seed);
		checkMasked(compile(bytes, options), `${seed}: ${text}`);
	}
});

test('so do those of programs for every objective and number of samples', () => {
	for (const optimize of ['throughput', 'upload', 'keys', 'memory'] as const)
		checkMasked(compile(convolutional(), { optimize }), optimize);
	for (const batch of [2, 64] as const) checkMasked(compile(tiny(), { batch }), `batch ${batch}`);
});

const masked = compile(convolutional());
const open = compile(convolutional(), { masking: false });

test('without masking the partial sums of the last layer are there, and found and reported', () => {
	const [output] = open.report.masking.outputs;
	assert.is(open.report.masking.on, false);
	assert.is(output?.how, 'left');
	const found = leftoversOf(open);
	assert.ok(found > 0 && found <= (output?.leftovers ?? 0), `${found} of ${output?.leftovers}`);
	assert.ok(open.report.warnings.some((warning) => warning.includes("slots of output 'y' hold partial sums")));
	assert.is(maskingText(open.report), `off: up to ${output?.leftovers} slots hold partial sums`);
	assert.not.match(masked.report.warnings.join(), /Masking/);
});

test('elements are the same with masking and without', async () => {
	const sample = new Map([['x', randomNumbers(5, 144, -1, 1)]]);
	const [expected] = masked.clear(sample).values();
	for (const { program } of [masked, open]) {
		const [result] = await evaluateLocally(program, 'clear', [sample]);
		assert.equal(result?.warnings, []);
		const data = result?.outputs.get('y')?.data ?? [];
		assert.is(data.length, 5);
		for (const [k, value] of [...data].entries())
			assert.ok(Math.abs(Number(value) - (expected?.data[k] ?? Number.NaN)) < 1e-9);
	}
});

/** The slots of the only output, of a circuit that was lowered from an unmasked packing. */
const shownBy = ({ stages }: Compiled, isMasked: boolean): { readonly slots: Float64Array; readonly depth: number } => {
	const { circuit, inputs } = lower({ ...stages.search, masked: isMasked }, stages.packing);
	const packed = new Map(
		[...inputs].map(([name, { parts }], k) => [
			name,
			parts.map((part, p) => randomNumbers(k + p + 1, part.length, -1, 1)),
		]),
	);
	const values = evaluateAll(circuit, packed);
	return { slots: values[circuit.outputs[0]?.parts[0] ?? -1] ?? new Float64Array(), depth: depthOf(circuit) };
};

test('a mask clears what a kernel leaves over, for one product and one level', () => {
	const [bare, cleared] = [shownBy(open, false), shownBy(open, true)];
	const layout = open.stages.lowered.outputs.get('y')?.parts[0] ?? new Int32Array();
	assert.is(cleared.depth, bare.depth + 1);
	assert.ok(layout.some((element, slot) => element < 0 && bare.slots[slot] !== 0));
	for (const [slot, element] of layout.entries()) assert.is(cleared.slots[slot], element >= 0 ? bare.slots[slot] : 0);
});

test('the price of masking is what compiling without it saves', () => {
	for (const [model, options] of [
		[convolutional(), {}],
		[convolutional(), { batch: 4 }],
		[perceptron('Relu', [8, 20, 3]), {}],
	] as const) {
		const [on, off] = [compile(model, options), compile(model, { ...options, masking: false })];
		const price = on.maskingPrice();
		assert.is(price?.free, false);
		assert.is(price?.ringDegree, off.report.parameters.ringDegree);
		assert.is(price?.levels, on.report.counts.depth - off.report.counts.depth);
		assert.is(price?.plainProducts, on.report.counts.plainProducts - off.report.counts.plainProducts);
		assert.is(price?.rotations, on.report.counts.rotations - off.report.counts.rotations);
		assert.is(price?.keys, on.report.keys.count - off.report.keys.count);
		const saved = on.report.parameters.logQ - off.report.parameters.logQ;
		assert.ok(Math.abs((price?.modulus ?? Number.NaN) - saved) < 0.02);
		assert.is(off.maskingPrice(), undefined);
	}
});

test('it is free where the same program comes out without it', () => {
	const [logistic] = zoo.filter(({ name }) => name === 'breast-cancer-logistic');
	if (logistic === undefined) throw new Error('the zoo has no logistic regression');
	const on = compileZoo(logistic);
	const price = on.maskingPrice();
	assert.is(price?.free, true);
	assert.is(on.program.client.fingerprint, compileZoo(logistic, { masking: false }).program.client.fingerprint);
	const { masking } = on.report;
	assert.is(maskingText({ ...on.report, masking: { ...masking, price: price as MaskingPrice } }), 'on, free');
});

test('its price is told in words, what it saves apart', () => {
	const textOf = (price: Partial<MaskingPrice>): string => {
		const none = { levels: 0, plainProducts: 0, rotations: 0, keys: 0, milliseconds: 0, modulus: 0, bits: 0 };
		const { ringDegree } = masked.report.parameters;
		const whole: MaskingPrice = { free: false, ringDegree, ...none, ...price };
		return maskingText({ ...masked.report, masking: { ...masked.report.masking, price: whole } });
	};
	assert.is(textOf({ levels: 1, rotations: 3, keys: -2 }), 'on: 1 level, 3 rotations more; 2 keys less');
	assert.is(textOf({ plainProducts: 1, milliseconds: 12 }), 'on: 1 plaintext product, 12 ms more');
	assert.is(textOf({ bits: 0.5 }), 'on: 0.5 bits of precision less');
	assert.is(textOf({ levels: 1, ringDegree: 4096 }), 'on: 1 level more; without it, N = 4096 may do');
	assert.is(textOf({}), 'on: as much of everything, otherwise packed');
	assert.is(maskingText(masked.report), 'on');
});

test.run();
