import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OPSETS } from '../../compiler/onnx/decode.ts';
import { runOf, supportedOps } from '../../compiler/onnx/ops/index.ts';
import { GENERAL_REMEDIES, refusalOf } from '../../compiler/onnx/refusals.ts';
import { buildModel, issuesOf, modelOf, type NodeSpec, node, run, type TensorSpec } from '../support/onnx.ts';

/**
 * The table of operators beside the specification: schemas.json holds, from `onnx.defs.get_all_schemas_with_history()` of
 * onnx 1.23, in which opsets an operator has another version, in which of these an attribute or a default is gone or inputs
 * are others (`changed`), and where it is removed.
 */
type Schema = { readonly since: readonly number[]; readonly changed?: readonly number[]; readonly removed?: number };
type Schemas = Readonly<Record<string, Readonly<Record<string, Schema>>>>;

const schemas = JSON.parse(readFileSync(new URL('schemas.json', import.meta.url), 'utf8')) as Schemas;
const tableName = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

/** Changes that leave the meaning alone. */
const HARMLESS: ReadonlySet<string> = new Set([
	'BatchNormalization 9', // spatial is gone, and its default was all that is honoured
]);

/** The opsets in which another function begins to import the operator. */
const versionsOf = (domain: string, op: string, since: number, until: number): readonly number[] => {
	const opsets = Array.from({ length: until - since + 1 }, (_, i) => since + i);
	const run = (opset: number) => runOf(tableName(domain), op, opset);
	return opsets.filter((opset) => run(opset) !== run(opset - 1));
};

test('every operator of the table is one of the specification, from its first opset to its last', () => {
	for (const { domain, op, since, until } of supportedOps()) {
		const schema = schemas[domain]?.[op];
		if (schema === undefined) {
			assert.unreachable(`${op} is no operator of ${domain}`);
			continue;
		}
		const first = schema.since[0] ?? 0;
		assert.ok(since >= first, `${op} begins with opset ${first}, not ${since}`);
		// Upsample of opset 6, with one attribute for the height and one for the width, is not read.
		if (domain === 'ai.onnx' && op !== 'Upsample') assert.is(since, Math.max(first, OPSETS.min), op);
		if (schema.removed !== undefined) assert.is(until, schema.removed - 1, `${op} is gone in opset ${schema.removed}`);
		assert.is(runOf(tableName(domain), op, until + 1), undefined, op);
	}
});

test('every version of the table is one of the specification, and none that changed is left out', () => {
	for (const { domain, op, since, until } of supportedOps()) {
		const schema = schemas[domain]?.[op];
		const [, ...later] = versionsOf(domain, op, since, until);
		for (const version of later) assert.ok(schema?.since.includes(version), `${op} has no version ${version}`);
		for (const version of schema?.changed ?? [])
			if (version > since && version <= until && !HARMLESS.has(`${op} ${version}`))
				assert.ok(later.includes(version), `${op} changed in opset ${version}`);
	}
});

test('every operator of the specification is compiled, or refused with a reason of its own and a remedy', () => {
	const unknown = refusalOf('', 'Frobnicate');
	const compiled = new Set(supportedOps().map(({ domain, op }) => `${domain} ${op}`));
	const without = Object.entries(schemas).flatMap(([domain, operators]) =>
		Object.keys(operators).filter(
			(op) => !compiled.has(`${domain} ${op}`) && refusalOf(tableName(domain), op).reason === unknown.reason,
		),
	);
	assert.equal(without, []);
	const stale = supportedOps().filter(({ domain, op }) => refusalOf(tableName(domain), op).reason !== unknown.reason);
	assert.equal(stale, []);
});

test('reasons end a sentence and remedies are sentences, for domains too', () => {
	const refusals = [
		...Object.entries(schemas).flatMap(([domain, ops]) =>
			Object.keys(ops).map((op) => refusalOf(tableName(domain), op)),
		),
		...['com.microsoft', 'com.microsoft.nchwc', 'ai.onnx.contrib', 'org.pytorch.aten', 'com.example'].map((domain) =>
			refusalOf(domain, 'FusedConv'),
		),
	];
	for (const { reason, remedy } of refusals) {
		assert.match(reason, /^[a-z].*[^.]$/);
		assert.match(remedy, /^[A-Za-z].*\.$/);
	}
	for (const remedy of Object.values(GENERAL_REMEDIES)) assert.match(remedy, /\.$/);
	assert.match(refusalOf('com.microsoft.nchwc', 'Conv').reason, /onnxruntime/);
	assert.not.match(refusalOf('com.microsoftware', 'Conv').reason, /onnxruntime/);
	assert.match(refusalOf('ai.onnx.preview.training', 'Adam').reason, /training/);
	assert.match(refusalOf('ai.onnx.preview', 'FlexAttention').reason, /not yet/);
});

const scalar = (value: number): TensorSpec => ({ shape: [], data: [value] });
const OPERANDS = {
	Mod: [{ shape: [2], data: [5.5, -5.5] }, scalar(3)],
	OneHot: [{ shape: [2], data: [-1, 5] }, scalar(2), { shape: [2], data: [0, 1] }],
	Range: [scalar(0), scalar(1), scalar(0.5)],
} as const;

/** What an operator gives of its constants: x + k at x = 0. */
const ofConstants = (op: keyof typeof OPERANDS, opset: number, attributes: NodeSpec['attributes'] = {}) => {
	const initializers = new Map(OPERANDS[op].map((tensor, i) => [`c${i}`, tensor]));
	const nodes = [node(op, [...initializers.keys()], ['k'], { attributes }), node('Add', ['x', 'k'], ['y'])];
	const bytes = buildModel(modelOf(nodes, { opset, inputs: [{ name: 'x', shape: [1] }], initializers }));
	return [...run(bytes, new Map([['x', { shape: [1], data: new Float64Array(1) }]])).data];
};

test('what a version changed is so from that opset on', () => {
	const refused = (body: () => unknown): string | undefined => issuesOf(body)[0]?.code;
	// A - floor(A / B) B, for floats since opset 28.
	assert.equal(ofConstants('Mod', 28), [5.5 - 3, -5.5 + 6]);
	assert.equal(ofConstants('Mod', 27, { fmod: 1 }), [2.5, -2.5]);
	assert.is(
		refused(() => ofConstants('Mod', 27)),
		'file',
	);
	// A negative index counts from the end since opset 11.
	assert.equal(ofConstants('OneHot', 11), [0, 1, 0, 0]);
	assert.is(
		refused(() => ofConstants('OneHot', 10)),
		'unsupported',
	);
	assert.equal(ofConstants('Range', 27, { stash_type: 1 }), [0, 0.5]);
	assert.equal(ofConstants('Range', 11), [0, 0.5]);
});

test('the opsets that are read are those of the specification', () => {
	const newest = Math.max(...Object.values(schemas['ai.onnx'] ?? {}).flatMap(({ since }) => since));
	assert.is(OPSETS.max, newest);
});

test.run();
