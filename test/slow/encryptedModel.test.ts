import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
	type Case,
	cases,
	clearDecision,
	compileCase,
	type EncryptedModel,
} from '../../examples/encrypted-model/cases.ts';
import { agreement, openModel } from '../../examples/encrypted-model/run.ts';
import { type ZooModel, zoo } from '../../models/index.ts';
import { testSetOf, writeTestSets } from '../../models/regression/data.ts';
import { refusalOf } from '../../runtime/inputs.ts';
import { evaluateLocally } from '../../runtime/local.ts';

const compiled = (name: string): EncryptedModel => compileCase(cases.find(({ model }) => model === name) as Case);

/** Decides the first 20 samples under encryption as the program does in the clear; how many the model itself decides otherwise. */
const encryptedFlips = async (model: EncryptedModel): Promise<number> => {
	const { program } = model.compiled;
	const samples = model.samples.filter((sample) => refusalOf(program.client, sample) === undefined).slice(0, 20);
	assert.is(samples.length, 20);
	const exact = await evaluateLocally(program, 'clear', samples);
	const session = await openModel(model);
	let flips = 0;
	for (const [i, sample] of samples.entries()) {
		const decision = await session.decide(sample);
		assert.is(decision, model.decide(exact[i]?.outputs.get(model.output)?.data ?? new Float64Array()));
		if (decision !== clearDecision(model, sample)) flips++;
	}
	await session.close();
	return flips;
};

test('twenty wines are decided as in the clear by an encrypted perceptron', async () => {
	assert.is(await encryptedFlips(compiled('mlp-wine')), 0);
});

test('with a fitted ReLU encryption flips no decision, and the polynomial at most two', async () => {
	const model = compiled('breast-cancer');
	assert.ok((await encryptedFlips(model)) <= 2);
	const accepted = model.samples.filter((sample) => refusalOf(model.compiled.program.client, sample) === undefined);
	assert.ok(accepted.length >= 142);
	assert.ok(agreement(model, accepted).alike >= accepted.length - 2);
});

test('all 10,000 digits are decided as in the clear by an encrypted perceptron with squares', async () => {
	const model = compiled('mlp-mnist');
	const zooModel = zoo.find(({ name }) => name === 'mlp-mnist') as ZooModel;
	writeTestSets([zooModel]);
	const { rows, whole } = testSetOf(zooModel);
	assert.ok(whole);
	const { alike, run } = agreement(model, rows.map(model.withWeights));
	assert.ok(run >= 50 && run < 1000, `${run} samples were run`);
	assert.is(alike, 10000);
	assert.is(await encryptedFlips(model), 0);
});

test.run();
