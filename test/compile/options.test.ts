import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompileError } from '../../compiler/errors.ts';
import { type Compiled, type CompileOptions, compile } from '../../compiler/index.ts';
import { node } from '../support/onnx.ts';
import { convolutional, model } from './models.ts';

const bytes = model([node('Mul', ['x', 'x'], ['y'])], { x: [1, 2] }, ['y']);

/** What a caller without types can pass. */
const compileWith = (options: Readonly<Record<string, unknown>>): unknown => {
	try {
		compile(bytes, options as CompileOptions);
	} catch (error) {
		return error;
	}
	return undefined;
};

test('an option out of its range is refused, with the value and what would do', () => {
	const cases: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
		[{ security: 127 }, /127 .* 128, 192, 256/],
		[{ security: 0 }, /128/],
		[{ security: '128' }, /128/],
		[{ optimize: 'speed' }, /"speed" .* latency, throughput, upload, keys, memory/],
		[{ optimize: 'toString' }, /latency/],
		[{ backend: 'clear' }, /"clear" .* kernel, seal/],
		[{ maxError: 0 }, /0 is not between 0\.000001 and 1/],
		[{ maxError: Number.NaN }, /NaN/],
		[{ masking: 'off' }, /"off" is neither true nor false/],
		[{ maxpool: 'sum' }, /"sum", only by "average"/],
		[{ degree: 1 }, /degree of 1 .* 2 to 31/],
		[{ degree: 32 }, /32/],
		[{ degree: 2.5 }, /2\.5/],
		[{ degree: Number.NaN }, /NaN/],
		[{ batch: 3 }, /3 .*power of two/],
		[{ batch: 32768 }, /16384/],
		[{ precision: 0 }, /between 1 and 40/],
		[{ inputRange: [1, 1] }, /\[1, 1\]/],
	];
	for (const [options, said] of cases) {
		const error = compileWith(options);
		const text = JSON.stringify(options);
		assert.instance(error, CompileError, text);
		const { issues } = error as CompileError;
		assert.equal(issues.map(({ code }) => code), ['option'], text); // biome-ignore format: one thought
		assert.match(issues[0]?.message ?? '', said, text);
	}
});

test('a program for the kernel decomposes fewer values than one for node-seal, which has fewer rotations; both report the times on each', () => {
	const wide = convolutional();
	const [kernel, seal] = (['kernel', 'seal'] as const).map((backend) => compile(wide, { backend })) as [
		Compiled,
		Compiled,
	];
	const decomposed = ({ stages }: Compiled): number =>
		new Set(stages.solution.circuit.ops.flatMap((op) => (op.kind === 'rotate' ? [op.a] : []))).size;
	assert.ok(decomposed(kernel) < decomposed(seal));
	assert.ok(kernel.report.counts.rotations >= seal.report.counts.rotations);
	for (const { report } of [kernel, seal]) {
		assert.is(report.predicted.evaluateMs, report.predicted.evaluateMsOn[report.backend]);
		assert.ok(report.predicted.evaluateMsOn.kernel < report.predicted.evaluateMsOn.seal);
	}
	assert.ok(kernel.report.predicted.evaluateMsOn.kernel < seal.report.predicted.evaluateMsOn.kernel);
	assert.ok(seal.report.predicted.evaluateMsOn.seal <= kernel.report.predicted.evaluateMsOn.seal);
});

test('all options that are out of range are said at once', () => {
	const error = compileWith({ security: 1, optimize: 'speed', degree: 0, batch: 0, precision: 99 });
	assert.is((error as CompileError).issues.length, 5);
});

test('the limits themselves are accepted', () => {
	for (const options of [
		{ degree: 2 },
		{ degree: 31 },
		{ security: 256 },
		{ optimize: 'memory' },
		{ optimize: 'keys' },
	])
		assert.is(compileWith(options), undefined, JSON.stringify(options));
});

test.run();
