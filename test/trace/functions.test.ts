import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { abs, compile, encrypted, sqrt, square, sub, sum, trace } from '../../compiler/index.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { rawOf } from '../compile/encrypted.ts';

const N = 64;
const roots = trace(({ x }) => sqrt(x), { x: encrypted([N], { range: [0, 4] }) });

test('a root down to 0 is as near as is asked, by the degree that this takes', async () => {
	const values = Float64Array.from({ length: N }, (_, i) => 4 * (i / (N - 1)) ** 4);
	for (const [maxError, degree, levels] of [
		[0.005, 31, 5],
		[0.0012, 127, 7],
		[0.0006, 255, 8],
		[0.0003, 511, 9],
	] as const) {
		const { program, stages } = compile(roots, { maxError, precision: 12 });
		const [fit] = stages.approximated.report.activations;
		assert.ok(fit);
		assert.is(fit.degree, degree);
		assert.ok(fit.maxError <= 2 * maxError && fit.maxError > 0.25 / degree);
		assert.equal(
			stages.approximated.report.warnings.filter((text) => text.includes('off by up to')),
			[],
		);
		// The client has the factor of the operand.
		assert.is(stages.depth, levels);
		const [result] = await evaluateLocally(program, 'simulate', [new Map([['x', values]])]);
		assert.ok(result);
		const found = rawOf(result).get('result') ?? new Float64Array();
		const bound = 2 * maxError + (program.client.outputs[0]?.predictedError ?? 0);
		values.forEach((x, i) => {
			assert.ok(Math.abs(Math.sqrt(x) - (found[i] ?? Number.NaN)) <= bound, `the root of ${x}`);
		});
	}
});

test('what cannot be reached is said, and without an error asked for degrees stay low', () => {
	const { report } = compile(roots, { maxError: 2e-4 }).stages.approximated;
	assert.ok(
		report.warnings.some((text) => /sqrt on \[0, 4\] is off by up to 0\.027\d % .* even at degree 511/.test(text)),
	);
	assert.ok((compile(roots).stages.approximated.report.activations[0]?.degree ?? 99) <= 31);
});

test('absolute values turn as sharply as is asked', async () => {
	const program = trace(({ x }) => abs(x), { x: encrypted([N]) });
	const compiled = compile(program, { maxError: 0.003 });
	assert.is(compiled.stages.approximated.report.activations[0]?.degree, 126);
	const values = Float64Array.from({ length: N }, (_, i) => ((i - N / 2) / (N / 2)) ** 3);
	const [result] = await evaluateLocally(compiled.program, 'simulate', [new Map([['x', values]])]);
	assert.ok(result);
	const found = rawOf(result).get('result') ?? new Float64Array();
	values.forEach((x, i) => {
		assert.ok(Math.abs(Math.abs(x) - (found[i] ?? Number.NaN)) < 0.0045);
	});
});

test('the predicted noise holds where inputs are at their ends, and differences vanish', async () => {
	const distance = trace(({ x, y }) => sqrt(sum(square(sub(x, y)))), { x: encrypted([8]), y: encrypted([8]) });
	const { program } = compile(distance, { maxError: 0.0012 });
	const samples = [-1, 1, 0.3].map((v) => new Map(['x', 'y'].map((name) => [name, new Float64Array(8).fill(v)])));
	const [exact, noisy] = [
		await evaluateLocally(program, 'clear', samples),
		await evaluateLocally(program, 'simulate', samples),
	];
	const bound = program.client.outputs[0]?.predictedError ?? 0;
	exact.forEach((result, i) => {
		const [a, b] = [result, noisy[i]].map((one) => one && rawOf(one).get('result')?.[0]);
		assert.ok(Math.abs((a ?? Number.NaN) - (b ?? Number.NaN)) <= bound);
	});
});

test.run();
