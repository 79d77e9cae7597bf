import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompileError, compile } from '../../compiler/index.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import { supportedOps } from '../../compiler/onnx/ops/index.ts';
import { verify } from '../../compiler/tensor/verify.ts';
import { hostileFiles } from '../support/hostile.ts';
import { mutated } from '../support/mutations.ts';
import { buildModel, issuesOf, type NodeSpec, node } from '../support/onnx.ts';
import { modelOfCase, opCases } from '../support/opCases.ts';

/** Eight bytes for the location "data"; whoever asks for another ends the test. */
const readExternal = (location: string): Uint8Array => {
	assert.is(location, 'data');
	return new Uint8Array(8);
};

const hostile = hostileFiles();

test('there are more than a hundred hostile files, each under a name of its own', () => {
	assert.ok(hostile.length > 100);
	assert.is(new Set(hostile.map(({ name }) => name)).size, hostile.length);
});

for (const { name, bytes, code, message } of hostile)
	test(`${name}: is refused, and no other file is asked for`, () => {
		const issues = issuesOf(() => compile(bytes(), {}, { readExternal }));
		assert.ok(code.split('|').includes(issues[0]?.code ?? ''), `${issues[0]?.code}: ${issues[0]?.message}`);
		assert.ok(
			issues.some((issue) => message.test(issue.message)),
			issues[0]?.message,
		);
	});

test('a model that is cut off anywhere is refused', () => {
	const bytes = readFileSync(new URL('../../models/breast-cancer/model.onnx', import.meta.url));
	for (let length = 0; length < bytes.length; length += 1 + Math.floor(bytes.length / 300))
		assert.is(issuesOf(() => importModel(bytes.subarray(0, length)))[0]?.code, 'file', `${length} bytes`);
});

test('damaged models are imported or refused', () => {
	const models = opCases().flatMap(([, cases]) => cases.map((case_) => buildModel(modelOfCase(case_, false).spec)));
	const ops = supportedOps().map(({ op }) => op);
	for (let seed = 0; seed < 400; seed++)
		try {
			verify(importModel(mutated(models, ops, seed)).graph);
		} catch (error) {
			if (!(error instanceof CompileError)) throw new Error(`seed ${seed}`, { cause: error });
		}
});

/** y = x through the nodes, each of which reads what the one before it wrote. */
const chain = (count: number, link: (i: number) => Pick<NodeSpec, 'op'> & { readonly second: string }): Uint8Array =>
	buildModel({
		nodes: Array.from({ length: count }, (_, i) => {
			const { op, second } = link(i);
			const [from, to] = [i === 0 ? 'x' : `n${i - 1}`, i === count - 1 ? 'y' : `n${i}`];
			return node(op, second === '' ? [from] : [from, second], [to]);
		}),
		inputs: [{ name: 'x', shape: [1, 4] }],
		outputs: ['y'],
		initializers: new Map([
			['c', { shape: [4], data: [1e-3, 2e-3, 3e-3, 4e-3] }],
			['one', { shape: [4], data: [1, 1, 1, 1] }],
			['big', { shape: [4], data: [1e19, 1e19, 1e19, 1e19] }],
		]),
	});

test('a chain of 20,000 linear nodes becomes one', () => {
	const ops = ['Add', 'Mul', 'Identity'] as const;
	const bytes = chain(20_000, (i) => ({ op: ops[i % 3] as string, second: ['c', 'one', ''][i % 3] as string }));
	const { imported, core } = compile(bytes).stages;
	assert.ok(imported.graph.nodes.length > 10_000);
	assert.ok(core.nodes.length <= 2);
});

test('a chain of 20,000 functions is refused before a polynomial is fitted', () => {
	const bytes = chain(20_000, (i) => ({ op: i % 2 === 0 ? 'Relu' : 'Add', second: i % 2 === 0 ? '' : 'c' }));
	const passes: string[] = [];
	const [issue] = issuesOf(() => compile(bytes, {}, { observe: ({ pass }) => passes.push(pass) }));
	assert.is(issue?.code, 'parameters');
	assert.match(issue?.message ?? '', /10000 products and functions/);
	assert.is(passes.at(-1), 'merge-pools');
});

test('factors that multiply to infinity are refused', () => {
	const [issue] = issuesOf(() => compile(chain(40, () => ({ op: 'Mul', second: 'big' }))));
	assert.ok(['range', 'parameters'].includes(issue?.code ?? ''));
});

test('300 inputs, 300 outputs and an output that is an input are compiled', () => {
	const names = Array.from({ length: 300 }, (_, i) => `i${i}`);
	const shape = [1, 2];
	const initializers = new Map();
	const sum = { nodes: [node('Sum', names, ['y'])], inputs: names.map((name) => ({ name, shape })), outputs: ['y'] };
	assert.is(importModel(buildModel({ ...sum, initializers })).inputs.length, 300);
	const nodes = names.map((name) => node('Mul', ['x', 'x'], [name]));
	const all = buildModel({ nodes, inputs: [{ name: 'x', shape }], outputs: [...names, 'x'], initializers });
	assert.is(compile(all).program.client.outputs.length, 301);
});

test.run();
