import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readData } from '../../examples/training/data.ts';
import { accuracy, decisions, polynomialSigmoid, trainPlainly } from '../../examples/training/plain.ts';
import { chosen, ITERATIONS } from '../../examples/training/settings.ts';
import { compileTraining, furthest, openEncrypted, simulated, train } from '../../examples/training/train.ts';

const data = readData();
const settings = { ...chosen, rows: data.train.length };
const columns = data.train[0]?.length ?? 0;
const exact = trainPlainly(data.train, polynomialSigmoid, settings, ITERATIONS).at(-1)?.w ?? new Float64Array();

const check = (w: Float64Array): void => {
	assert.ok(accuracy(data.test, w) >= 0.95);
	assert.equal(decisions(data.test, w), decisions(data.test, exact));
	assert.ok(furthest(w, exact) < 0.01, `weights are off by ${furthest(w, exact)}`);
};

test('a whole training under encryption, two iterations in a circuit', async () => {
	const training = compileTraining(columns, settings, 2);
	const session = await openEncrypted(training);
	check((await train(training, data.train, ITERATIONS / 2, session.evaluate)).w);
	await session.close();
});

test('four iterations in a circuit, with the noise of encryption', async () => {
	const training = compileTraining(columns, settings, 4);
	assert.is(training.compiled.report.counts.depth, 20);
	check((await train(training, data.train, ITERATIONS / 4, simulated(training))).w);
});

test.run();
