import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompileError } from '../../compiler/errors.ts';
import { decodeModel } from '../../compiler/onnx/decode.ts';
import { MAX_DEPTH } from '../../compiler/onnx/guard.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import { DataType, ModelProto } from '../../compiler/onnx/proto.ts';
import { buildModel, issuesOf, type ModelSpec } from '../support/onnx.ts';

const small: ModelSpec = {
	nodes: [{ op: 'Gemm', name: 'fc', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { alpha: 0.5, transB: 1 } }],
	initializers: new Map([
		['w', { shape: [1, 2], data: [1, 2] }],
		['b', { dims: [1], dataType: DataType.FLOAT, floatData: [3] }],
	]),
	inputs: [{ name: 'x', shape: ['N', 2] }],
	outputs: ['y'],
};

const refusesFile = (bytes: Uint8Array, message: RegExp) => {
	const issues = issuesOf(() => decodeModel(bytes));
	assert.is(issues.length, 1);
	assert.is(issues[0]?.code, 'file');
	assert.match(issues[0]?.message ?? '', message);
	assert.ok(issues[0]?.hint, 'a hint');
};

const varint = (value: number): readonly number[] =>
	value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
/** A field of wire type 2. */
const field = (number: number, content: readonly number[]): readonly number[] => [
	...varint(number * 8 + 2),
	...varint(content.length),
	...content,
];

test('a well-formed model is decoded', () => {
	const model = decodeModel(buildModel(small));
	assert.is(model.graph?.node?.[0]?.name, 'fc');
	assert.equal(
		model.graph?.initializer?.map(({ name }) => name),
		['w', 'b'],
	);
});

test('no prefix of a model is accepted', () => {
	const bytes = buildModel(small);
	for (let length = 0; length < bytes.length; length++) {
		const [issue] = issuesOf(() => decodeModel(bytes.subarray(0, length)));
		assert.is(issue?.code, 'file', `prefix of ${length} bytes`);
	}
});

test('an empty file is refused', () => refusesFile(new Uint8Array(), /empty/));

test('random bytes are refused with a CompileError of code file', () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
			assert.is(issuesOf(() => decodeModel(bytes))[0]?.code, 'file');
		}),
		{ numRuns: 2000 },
	);
});

test('a model with any one byte changed is imported or refused with a CompileError', () => {
	const bytes = buildModel(small);
	fc.assert(
		fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
			const changed = bytes.map((byte, i) => (i === at ? byte ^ change : byte));
			try {
				importModel(changed);
			} catch (error) {
				assert.instance(error, CompileError);
			}
		}),
		{ numRuns: 2000 },
	);
});

/** A ModelProto whose graph holds a node whose attribute holds a graph and so on. */
const nested = (graphs: number): Uint8Array => {
	let graph: readonly number[] = [];
	for (let i = 1; i < graphs; i++) graph = field(1, field(5, field(6, graph)));
	return Uint8Array.from([8, 8, ...field(8, [16, 13]), ...field(7, graph)]);
};

test('messages nested deeper than the limit are refused, others not', () => {
	const fitting = Math.floor((MAX_DEPTH - 2) / 3) + 1;
	assert.ok(decodeModel(nested(fitting)).graph);
	refusesFile(nested(fitting + 1), /nest more than 64 deep/);
	refusesFile(nested(3000), /nest more than 64 deep/);
});

test('groups, wrong wire types and field number 0 are refused', () => {
	refusesFile(Uint8Array.of(3 * 8 + 3, 3 * 8 + 4), /wire type 3/);
	refusesFile(Uint8Array.of(1 * 8 + 2, 0), /field 1 of Model at byte 0 has wire type 2/);
	refusesFile(Uint8Array.of(0, 0), /not the start of a field/);
});

test('a packed field that is not a whole number of values is refused', () => {
	refusesFile(Uint8Array.from(field(7, field(5, field(4, [0, 0, 0])))), /whole number of values/);
	refusesFile(Uint8Array.from(field(7, field(5, field(1, [255])))), /ends inside a number/);
});

test('a number of more than ten bytes is refused', () =>
	refusesFile(Uint8Array.from([8, ...new Array<number>(10).fill(255), 1]), /more than ten bytes/));

test('unknown fields are skipped', () => {
	const bytes = buildModel(small);
	assert.ok(decodeModel(Uint8Array.from([...bytes, ...field(99, [1, 2, 3])])).graph);
});

test('a model without a graph is refused', () =>
	refusesFile(ModelProto.encode({ irVersion: 8, opsetImport: [{ domain: '', version: 13 }] }).finish(), /no graph/));

test('IR versions 3 to 14 are read', () => {
	for (const ir of [3, 14]) assert.ok(decodeModel(buildModel({ ...small, ir })));
	refusesFile(buildModel({ ...small, ir: 2 }), /IR version 2;/);
	refusesFile(buildModel({ ...small, ir: 15 }), /IR version 15;/);
});

test('opsets 6 to 28 are read', () => {
	for (const opset of [6, 7, 28]) assert.ok(decodeModel(buildModel({ ...small, opset })));
	refusesFile(buildModel({ ...small, opset: 5 }), /opset 5;/);
	refusesFile(buildModel({ ...small, opset: 29 }), /opset 29;/);
});

test('a model that does not import the default operator set is refused, whichever way it spells its name', () => {
	const withDomain = (domain: string) =>
		ModelProto.encode({ irVersion: 8, opsetImport: [{ domain, version: 13 }], graph: { name: 'g' } }).finish();
	refusesFile(withDomain('ai.onnx.ml'), /does not say which version/);
	assert.ok(decodeModel(withDomain('ai.onnx')));
});

test.run();
