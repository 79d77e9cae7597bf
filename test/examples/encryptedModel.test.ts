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

const compiled = (name: string): EncryptedModel => compileCase(cases.find(({ model }) => model === name) as Case);
const logistic = compiled('breast-cancer-logistic');

test('the program holds no weights, and the client encrypts them', () => {
	const { client, constants } = logistic.compiled.program;
	assert.equal(client.inputs.map(({ name }) => name).sort(), ['bias', 'features', 'weights']);
	assert.is(constants.length, 0);
	assert.is(logistic.compiled.report.counts.products, 1);
});

test('a logistic regression decides the whole test set as in the clear, with the noise of encryption', () => {
	assert.equal(agreement(logistic, logistic.samples), { alike: 143, run: 143 });
});

test('twenty samples are decided as in the clear with encrypted weights and data', async () => {
	const session = await openModel(logistic);
	for (const sample of logistic.samples.slice(0, 20))
		assert.is(await session.decide(sample), clearDecision(logistic, sample));
	await session.close();
});

test('other weights of that form go through the same program', async () => {
	const turned = new Map(
		[...logistic.weights].map(([name, values]) => [name, name === 'weights' ? values.map((w) => -0.9 * w) : values]),
	);
	const session = await openModel(logistic, turned);
	for (const sample of logistic.samples.slice(0, 5)) {
		const expected = clearDecision(logistic, new Map([...sample, ...turned]));
		assert.is(expected, 1 - clearDecision(logistic, sample));
		assert.is(await session.decide(sample), expected);
	}
	await session.close();
});

test('a perceptron with encrypted layers decides the whole test set as in the clear', () => {
	const wine = compiled('mlp-wine');
	assert.equal(agreement(wine, wine.samples), { alike: 45, run: 45 });
});

test.run();
