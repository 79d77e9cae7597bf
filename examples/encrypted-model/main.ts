/**
 * Classifies with an encrypted network: the server sees neither its weights nor what it classifies.
 *
 *     node examples/encrypted-model/main.ts [model] [count]
 *
 * model: breast-cancer-logistic, mlp-wine (the default), breast-cancer or mlp-mnist; count: test samples, 20 unless said.
 */
import { refusalOf } from '../../runtime/inputs.ts';
import { cases, clearDecision, compileCase } from './cases.ts';
import { openModel } from './run.ts';

const [name = 'mlp-wine', count = '20'] = process.argv.slice(2);
const one = cases.find(({ model }) => model === name);
if (one === undefined)
	throw new Error(`there is no "${name}"; there are ${cases.map(({ model }) => model).join(', ')}`);

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(2)} s`;
const started = performance.now();
const model = compileCase(one);
const { parameters, keys } = model.compiled.report;
console.log(
	`${name} (${one.what}), compiled in ${seconds(started)}: N = ${parameters.ringDegree}, ${keys.count} keys.`,
);
console.log(`Encrypted by the client: ${model.compiled.program.client.inputs.map((input) => input.name).join(', ')}.`);

const session = await openModel(model);
const samples = model.samples
	.filter((sample) => refusalOf(model.compiled.program.client, sample) === undefined)
	.slice(0, Number(count));
const alike: boolean[] = [];
for (const [i, sample] of samples.entries()) {
	const since = performance.now();
	const decision = await session.decide(sample);
	const clear = clearDecision(model, sample);
	alike.push(decision === clear);
	console.log(`sample ${i + 1}: class ${decision}, in the clear ${clear}, ${seconds(since)}`);
}
console.log(`${alike.filter(Boolean).length} of ${samples.length} decisions as in the clear.`);
await session.close();
