import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readData } from '../../examples/training/data.ts';
import { accuracy, decisions, polynomialSigmoid, sigmoid, trainPlainly } from '../../examples/training/plain.ts';
import { chosen, ITERATIONS } from '../../examples/training/settings.ts';
import {
	compileTraining,
	type Evaluate,
	errorOfRound,
	furthest,
	openEncrypted,
	simulated,
	train,
} from '../../examples/training/train.ts';
import { evaluateLocally } from '../../runtime/local.ts';

const data = readData();
const settings = { ...chosen, rows: data.train.length };
const columns = data.train[0]?.length ?? 0;
const states = trainPlainly(data.train, polynomialSigmoid, settings, ITERATIONS);
const weightsAfter = (iterations: number): Float64Array => states[iterations]?.w ?? new Float64Array();
const training = compileTraining(columns, settings, 1);

test('the data are those of the model, and the polynomial is near the sigmoid', () => {
	assert.equal([data.train.length, data.test.length, columns], [426, 143, 31]);
	for (let z = -8; z <= 8; z += 0.25) assert.ok(Math.abs(polynomialSigmoid(z) - sigmoid(z)) < 0.05, `at ${z}`);
});

test('without noise the circuit computes what plain training does', async () => {
	const clear: Evaluate = async (inputs) =>
		(await evaluateLocally(training.compiled.program, 'clear', [new Map(Object.entries(inputs))]))[0] ?? {
			outputs: new Map(),
			warnings: ['none'],
		};
	const { w } = await train(training, data.train, 4, clear);
	assert.ok(furthest(w, weightsAfter(4)) < 1e-9);
});

test('an iteration takes five levels, the fifth without a rescaling', () => {
	const { counts, parameters } = training.compiled.report;
	assert.is(counts.depth, 5);
	assert.is(parameters.ringDegree, 8192);
	assert.is(parameters.securityBits, 128);
});

test('with the noise of encryption the whole training ends with the same decisions', async () => {
	const { w } = await train(training, data.train, ITERATIONS, simulated(training));
	const exact = weightsAfter(ITERATIONS);
	assert.ok(accuracy(data.test, w) >= 0.95);
	assert.ok(Math.abs(accuracy(data.test, w) - accuracy(data.test, exact)) <= 0.005);
	assert.ok(furthest(w, exact) < 0.02, `weights are off by ${furthest(w, exact)}`);
	assert.ok(furthest(w, exact) > 1e-6, 'there was no noise');
});

test('encrypted iterations give the weights of plain ones', async () => {
	const session = await openEncrypted(training);
	const rounds = 3;
	const { w } = await train(training, data.train, rounds, session.evaluate);
	await session.close();
	const error = furthest(w, weightsAfter(rounds));
	assert.ok(error > 0, 'nothing was encrypted');
	// Errors of earlier rounds are carried on by the momentum.
	assert.ok(error < 2 * rounds * errorOfRound(training), `weights are off by ${error}`);
	assert.equal(decisions(data.test, w), decisions(data.test, weightsAfter(rounds)));
});

test.run();
