import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompileError, compile } from '../../compiler/index.ts';
import { runEncrypted } from '../compile/encrypted.ts';
import { buildModel, modelOf, node } from '../support/onnx.ts';

const weights = Float64Array.of(1, -0.5, 0.25, 2, 0, -1);
const bytes = buildModel(
	modelOf([node('MatMul', ['x', 'w'], ['y'])], {
		inputs: [{ name: 'x', shape: [1, 3] }],
		initializers: new Map([['w', { shape: [3, 2], data: weights }]]),
	}),
);
const x = Float64Array.of(0.5, -1, 0.75);
const expected = [0, 1].map((j) => [0, 1, 2].reduce((sum, i) => sum + (x[i] ?? 0) * (weights[2 * i + j] ?? 0), 0));

const messageOf = (encrypt: readonly string[], plain: readonly string[] = []): string => {
	try {
		compile(bytes, {
			encrypt,
			plain: new Map(plain.map((name) => [name, { shape: [1, 3], data: x }])),
		});
		return '';
	} catch (error) {
		if (error instanceof CompileError) return error.message;
		throw error;
	}
};

test('an encrypted initializer is an input, its values are part of the calibration', async () => {
	for (const options of [{}, { calibration: new Map([['x', [x]]]) }]) {
		const { program } = compile(bytes, { ...options, encrypt: ['w'] });
		assert.equal(program.client.inputs.map(({ name }) => name).sort(), ['w', 'x']); // biome-ignore format: one thought
		const sample = new Map([
			['x', x],
			['w', weights],
		]);
		const [result] = await runEncrypted(program, [sample]);
		const y = result?.outputs.get('y')?.data ?? [];
		expected.forEach((value, j) => {
			assert.ok(Math.abs(value - (y[j] ?? Number.NaN)) < 0.01, `${y[j]} instead of ${value}`);
		});
	}
});

test('names that cannot be encrypted are refused', () => {
	assert.match(messageOf(['v']), /no input or initializer named 'v'/);
	assert.match(messageOf(['x'], ['x']), /cannot be encrypted and stay in the clear/);
	assert.is(messageOf(['x']), '');
});

test.run();
