import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import { type SupportedOp, supportedOps } from '../../compiler/onnx/ops/index.ts';
import { COSTS, NO_COST, PRODUCT_COST } from '../../compiler/onnx/ops/table.ts';
import { buildModel } from '../support/onnx.ts';
import { type Case, modelOfCase, opCases } from '../support/opCases.ts';

/** What the table of operators says of each, beside the nodes that the cases of test/ops make of it. */
const cases = opCases().flatMap(([, list]) => list);
const casesOf = ({ op, domain }: SupportedOp): readonly Case[] =>
	cases.filter((case_) => case_.op === op && (case_.domain ?? 'ai.onnx') === domain);

/** The kinds of nodes that a case becomes, its inputs left out. */
const kindsOf = (case_: Case): readonly string[] => {
	const { spec, feeds } = modelOfCase(case_, false);
	if (feeds.size === 0) return [];
	return importModel(buildModel(spec)).graph.nodes.flatMap(({ kind }) => (kind === 'input' ? [] : kind));
};

/** What follows at the end of the model is left to the client later. */
const byClient = (note: string): boolean => note.includes('by the client');

const kinds = new Map(supportedOps().map((op) => [op, casesOf(op).map(kindsOf)]));

/** Tensors, texts and graphs as attributes, NaN and texts as data, and opsets that onnxruntime lacks are in tests of their own. */
const ELSEWHERE: Readonly<Record<string, string>> = {
	Binarizer: 'ml.test.ts',
	Constant: 'constants.test.ts',
	CumProd: 'exact.test.ts',
	If: 'branches.test.ts',
	Imputer: 'ml.test.ts',
	IsInf: 'folding.test.ts',
	IsNaN: 'folding.test.ts',
	LabelEncoder: 'ml.test.ts',
	Swish: 'activation.test.ts',
	TensorScatter: 'exact.test.ts',
	ZipMap: 'ml.test.ts',
};

test('every operator of the table has a case, or a test elsewhere', () => {
	const without = [...kinds].filter(([, found]) => found.length === 0).map(([{ op }]) => op);
	assert.equal(without.filter((op) => ELSEWHERE[op] === undefined), []); // biome-ignore format: one thought
	for (const [op, file] of Object.entries(ELSEWHERE))
		assert.ok(readFileSync(new URL(file, import.meta.url), 'utf8').includes(`'${op}'`), op);
});

test('what costs nothing makes no node, what is linear affine maps, and a product one multiplication', () => {
	for (const [{ op, how, cost, note }, found] of kinds) {
		if (how !== 'exact') continue;
		const made = new Set(found.flat());
		if (cost === NO_COST) assert.equal([...made], [], op);
		if (cost === COSTS.exact && !byClient(note)) assert.equal([...made].filter((kind) => kind !== 'affine'), [], op); // biome-ignore format: one thought
		if (cost !== PRODUCT_COST) continue;
		for (const list of found) assert.ok(list.filter((kind) => kind === 'multiply').length <= 1, op);
		assert.not.ok(made.has('activation') || made.has('pooled'), op);
	}
});

test('what is called approximate is fitted, what is called exact is not unless its cost says so', () => {
	for (const [{ op, how, cost, note }, found] of kinds) {
		const fitted = found.flat().some((kind) => kind === 'activation' || kind === 'pooled');
		if (how === 'approximate' && found.length > 0) assert.ok(fitted, `${op} is exact in all cases`);
		if (how === 'exact' && fitted && !byClient(note)) assert.match(cost, /activation|fitted/, op);
		if (how === 'client' && found.length > 0) assert.ok(found.flat().includes('tail'), op);
		if (how === 'constant') assert.equal(found.flat(), [], op);
	}
});

test.run();
