import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { measuredReport } from '../../cli/measure.ts';
import { compile } from '../../compiler/index.ts';
import { convolutional } from '../compile/models.ts';

const compiled = compile(convolutional());
const { measured } = await measuredReport(compiled, compiled.report, { progress: () => {}, note: () => {} });

test('bytes are measured as predicted, memory within a tenth', () => {
	assert.is(measured?.keyBytes, compiled.report.keys.bytes);
	assert.is(measured?.uploadBytes, compiled.report.traffic.uploadBytes);
	assert.is(measured?.downloadBytes, compiled.report.traffic.downloadBytes);
	const [peak, predicted] = [measured?.peakBytes ?? Number.NaN, compiled.report.memory.total];
	assert.ok(Math.abs(peak - predicted) < 0.1 * peak, `${predicted} predicted, ${peak} measured`);
});

test('the error that encryption adds stays below the predicted bound, and is there', () => {
	const { encryptionError = Number.NaN, bits = Number.NaN } = measured ?? {};
	assert.ok(encryptionError > 0 && encryptionError <= compiled.report.predicted.encryptionError);
	assert.ok(bits > 5);
});

test('every layer that the report predicts has a measured time, and together they make up the evaluation', () => {
	const origins = new Set(measured?.layers.map(({ origin }) => origin));
	for (const { origin } of compiled.report.layers) assert.ok(origins.has(origin), origin);
	const total = measured?.layers.reduce((sum, { milliseconds }) => sum + milliseconds, 0) ?? 0;
	assert.ok(total > 0 && total <= (measured?.evaluateMs ?? 0) + 1);
});

test('a report says nothing measured unless it is asked to', () => {
	assert.is(compiled.report.measured, undefined);
});

test.run();
