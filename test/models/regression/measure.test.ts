import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { absoluteChecks, TOLERANCE } from '../../../models/regression/judge.ts';
import { measure } from '../../../models/regression/measure.ts';
import { agreementOf } from '../../../models/regression/measurement.ts';
import { points } from '../../../models/regression/points.ts';

test('a whole point: simulated, encrypted under several keys, and beside onnxruntime', async () => {
	const point = points.find(({ name }) => name === 'breast-cancer-logistic');
	if (point === undefined) throw new Error('the zoo has changed');
	const steps: string[] = [];
	const found = await measure(point, 0, (step) => steps.push(step));
	assert.is(steps.length, 4);
	assert.is(found.clear.accuracy, 137 / 143);
	assert.is(found.clear.stated, point.model.clearAccuracy);
	assert.is(found.simulated.samples, 143);
	assert.is(found.simulated.evaluated, 143);
	assert.is(agreementOf(found.simulated), 1 - found.simulated.flips.length / 143);
	assert.ok(found.encrypted.samples >= 20 && found.encrypted.keySets >= 4);
	assert.ok(found.encrypted.noise.largest > 0 && found.simulated.noise.largest > 0, 'no noise');
	const failed = absoluteChecks(found, TOLERANCE).filter(({ passed }) => !passed);
	assert.equal(failed, []);
	// What is wrong about the zoo is found.
	const other = { ...found, clear: { ...found.clear, stated: 130 / 143 } };
	assert.is(absoluteChecks(other, TOLERANCE).filter(({ passed }) => !passed).length, 1);
});

test.run();
