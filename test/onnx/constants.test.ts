import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import { DataLocation, DataType, ModelProto, type TensorProto } from '../../compiler/onnx/proto.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import {
	buildModel,
	issuesOf,
	issuesOfModel,
	type ModelSpec,
	modelOf,
	type NodeSpec,
	node,
	run,
	type TensorSpec,
} from '../support/onnx.ts';

const vector: TensorSpec = { shape: [2], data: [1, 2] };

const withConstant = (tensor: TensorProto): ModelSpec =>
	modelOf([node('Cast', ['c'], ['f'], { attributes: { to: DataType.FLOAT } }), node('Add', ['x', 'f'], ['y'])], {
		initializers: new Map([['c', tensor]]),
	});
const zeros = new Map([['x', { shape: [1, 2], data: new Float64Array(2) }]]);

test('constants of every numeric type are read, from raw data and from typed fields', () => {
	const { FLOAT, DOUBLE, FLOAT16, BFLOAT16, INT8, UINT8, INT16, UINT16, INT32, UINT32, INT64, UINT64, BOOL } = DataType;
	const cases: readonly (readonly [number, readonly number[], Partial<TensorProto>, readonly number[]])[] = [
		[FLOAT, [0, 0, 0x20, 0xc0, 0, 0, 0x80, 0x3e], { floatData: [-2.5, 0.25] }, [-2.5, 0.25]],
		[DOUBLE, [...new Uint8Array(Float64Array.of(0.1, -7).buffer)], { doubleData: [0.1, -7] }, [Math.fround(0.1), -7]],
		[FLOAT16, [0x00, 0xbe, 0x01, 0x00], { int32Data: [0xbe00, 1] }, [-1.5, 2 ** -24]],
		[BFLOAT16, [0xc0, 0xbf, 0x80, 0x3f], { int32Data: [0xbfc0, 0x3f80] }, [-1.5, 1]],
		[INT8, [0xff, 5], { int32Data: [-1, 5] }, [-1, 5]],
		[UINT8, [0xff, 5], { int32Data: [255, 5] }, [255, 5]],
		[INT16, [0xfe, 0xff, 0, 1], { int32Data: [-2, 256] }, [-2, 256]],
		[UINT16, [0xfe, 0xff, 0, 1], { int32Data: [65534, 256] }, [65534, 256]],
		[INT32, [...new Uint8Array(Int32Array.of(-70000, 3).buffer)], { int32Data: [-70000, 3] }, [-70000, 3]],
		[UINT32, [...new Uint8Array(Uint32Array.of(2 ** 31, 3).buffer)], { uint64Data: [2 ** 31, 3] }, [2 ** 31, 3]],
		[
			INT64,
			[...new Uint8Array(BigInt64Array.of(-(2n ** 40n), 3n).buffer)],
			{ int64Data: [-(2 ** 40), 3] },
			[-(2 ** 40), 3],
		],
		[UINT64, [...new Uint8Array(BigUint64Array.of(2n ** 40n, 3n).buffer)], { uint64Data: [2 ** 40, 3] }, [2 ** 40, 3]],
		[BOOL, [1, 0], { int32Data: [1, 0] }, [1, 0]],
	];
	for (const [dataType, raw, typed, expected] of cases) {
		for (const data of [{ rawData: Uint8Array.from(raw) }, typed]) {
			const result = run(buildModel(withConstant({ dims: [2], dataType, ...data })), zeros);
			assert.equal([...result.data], expected, `type ${dataType}, ${Object.keys(data)}`);
		}
	}
});

test('constants whose data do not fit their shape are refused', () => {
	const broken: readonly TensorProto[] = [
		{ dims: [2], dataType: DataType.FLOAT, rawData: new Uint8Array(7) },
		{ dims: [2], dataType: DataType.FLOAT, floatData: [1] },
		{ dims: [2], dataType: DataType.FLOAT },
		{ dims: [-2], dataType: DataType.FLOAT, floatData: [1, 2] },
	];
	for (const tensor of broken) {
		const [issue, ...others] = issuesOfModel(withConstant(tensor));
		assert.is(issue?.code, 'file');
		assert.match(issue?.message ?? '', /initializer 'c'/);
		assert.is(others.length, 0);
	}
	const huge: TensorProto = { dims: [2 ** 31, 2 ** 31, 4], dataType: DataType.FLOAT, floatData: [1, 2] };
	assert.is(issuesOfModel(withConstant(huge))[0]?.code, 'size');
	const [strings] = issuesOfModel(
		withConstant({ dims: [1], dataType: DataType.STRING, stringData: [Uint8Array.of(65)] }),
	);
	assert.is(strings?.code, 'unsupported');
	assert.match(strings?.message ?? '', /labels/);
});

test('an input with an initializer is a constant', () => {
	const spec = modelOf([node('Add', ['x', 'c'], ['y'])], {
		ir: 3,
		inputs: [
			{ name: 'c', shape: [2] },
			{ name: 'x', shape: [1, 2] },
		],
	});
	const bytes = buildModel(spec);
	assert.equal(
		importModel(bytes).inputs.map(({ name }) => name),
		['x'],
	);
	assert.equal([...run(bytes, zeros).data], [1, 2]);
});

test('every form of Constant is read', () => {
	const forms: readonly (readonly [string, NodeSpec['attributes'], readonly number[]])[] = [
		['value', { value: vector }, [1, 2]],
		['value_float', { value_float: 2 }, [2, 2]],
		['value_int', { value_int: 3 }, [3, 3]],
		['value_ints', { value_ints: [4, 5] }, [4, 5]],
	];
	for (const [name, attributes = {}, expected] of forms) {
		const nodes = [
			node('Constant', [], ['k'], { attributes }),
			node('Cast', ['k'], ['f'], { attributes: { to: DataType.FLOAT } }),
			node('Add', ['x', 'f'], ['y']),
		];
		assert.equal([...run(buildModel(modelOf(nodes)), zeros).data], expected, name);
	}
	const strings = node('Constant', [], ['k'], { attributes: { value_string: 'text' } });
	assert.is(issuesOfModel(modelOf([strings, node('Add', ['x', 'k'], ['y'])]))[0]?.code, 'unsupported');
});

const external = (location: string, entries: Readonly<Record<string, string>> = {}): ModelSpec =>
	withConstant({
		dims: [2],
		dataType: DataType.FLOAT,
		dataLocation: DataLocation.EXTERNAL,
		externalData: Object.entries({ location, ...entries }).map(([key, value]) => ({ key, value })),
	});

test('external data are read by location, offset and length', () => {
	const file = new Uint8Array(13);
	file.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 3);
	const asked: string[] = [];
	const readExternal = (location: string) => {
		asked.push(location);
		return file;
	};
	const bytes = buildModel(external('./weights/model.onnx.data', { offset: '3', length: '8' }));
	const { graph } = importModel(bytes, {}, { readExternal });
	assert.equal(asked, ['weights/model.onnx.data']);
	assert.equal([...(evaluate(graph, new Map([['x', new Float64Array(2)]])).get('y') ?? [])], [1.5, -2]);
	for (const entries of [
		{ offset: '6', length: '8' },
		{ offset: '3', length: '4' },
		{ offset: '-1' },
		{ offset: '99999999999999999999' },
	])
		assert.is(
			issuesOf(() => importModel(buildModel(external('w', entries)), {}, { readExternal }))[0]?.code,
			'file',
			JSON.stringify(entries),
		);
});

test("external data outside the model's folder are refused unread", () => {
	for (const location of ['../w', 'a/../../w', '/etc/passwd', 'C:\\w', 'a\\..\\w', '', '.', 'a//b', 'a/..', 'w\0']) {
		const [issue] = issuesOf(() =>
			importModel(buildModel(external(location)), {}, { readExternal: () => assert.unreachable(location) as never }),
		);
		assert.is(issue?.code, 'file', location);
	}
});

test('external data are refused when no file can be read', () => {
	assert.match(issuesOfModel(external('w'))[0]?.message ?? '', /no other file/);
});

test('a sparse initializer is refused when something reads it', () => {
	const graph = {
		name: 'g',
		node: [{ opType: 'Add', input: ['x', 's'], output: ['y'] }],
		input: [
			{
				name: 'x',
				type: { tensorType: { elemType: DataType.FLOAT, shape: { dim: [{ dimValue: 1 }, { dimValue: 2 }] } } },
			},
		],
		output: [{ name: 'y' }],
		sparseInitializer: [{ values: { name: 's', dims: [1], dataType: DataType.FLOAT, floatData: [1] }, dims: [2] }],
	};
	const bytes = ModelProto.encode({ irVersion: 8, opsetImport: [{ domain: '', version: 13 }], graph }).finish();
	assert.match(issuesOf(() => importModel(bytes))[0]?.message ?? '', /sparse initializer/);
});

test('ConstantOfShape with another attribute than value is refused', () => {
	const shape: TensorSpec = { shape: [1], data: [2], type: 'INT64' };
	for (const attributes of [{ values: vector }, { value: vector, dtype: 1 }]) {
		const nodes = [node('ConstantOfShape', ['shape'], ['k'], { attributes }), node('Add', ['x', 'k'], ['y'])];
		const [issue] = issuesOfModel(modelOf(nodes, { initializers: new Map([['shape', shape]]) }));
		assert.is(issue?.code, 'file');
		assert.match(issue?.message ?? '', /besides value/);
	}
});

test.run();
