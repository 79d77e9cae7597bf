import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { calibrationOf, residual } from '../../bench/generated.ts';
import { compile } from '../../compiler/index.ts';
import { evaluateLocally, type LocalBackend } from '../../runtime/local.ts';
import { randomNumbers, reference } from '../support/onnx.ts';

/** A residual network of 308,000 weights on 3 x 32 x 32, too large for every run of the tests. */
const model = residual(16);
const { program, report } = compile(model.bytes, { calibration: calibrationOf(model) });
const x = randomNumbers(1, model.samples[0]?.length ?? 0);

const largestError = async (backend: LocalBackend): Promise<number> => {
	const [expected] = [...(await reference(model.bytes, new Map([['x', { shape: model.shape, data: x }]]))).values()];
	const [result] = await evaluateLocally(program, backend, [new Map([['x', x]])]);
	const actual = [...(result?.outputs.values() ?? [])][0]?.raw.data;
	return Math.max(...(expected?.data ?? []).map((value, i) => Math.abs(value - (actual?.[i] ?? Number.NaN))));
};

test('its program computes what onnxruntime computes', async () => {
	const error = await largestError('clear');
	assert.ok(error <= 1e-4, `off by ${error}`);
});

test('with the noise of encryption it does so to the predicted precision', async () => {
	const error = await largestError('simulate');
	assert.ok(error <= report.predicted.error + 1e-4, `off by ${error}, predicted ${report.predicted.error}`);
});

test.run();
