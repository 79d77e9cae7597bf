import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import {
	type AttributeSpec,
	agreesWithReference,
	buildModel,
	feed,
	issuesOfModel,
	modelOf,
	node,
	type TensorSpec,
} from '../support/onnx.ts';

/** What operators that are linear maps refuse, and outputs beyond the first. */
const ints = (...data: readonly number[]): TensorSpec => ({ shape: [data.length], data, type: 'INT64' });
const floats = (...data: readonly number[]): TensorSpec => ({ shape: [data.length], data });
const kernel: TensorSpec = { shape: [2, 1, 2, 2], data: new Array(8).fill(1) };

type Refusal = {
	readonly op: string;
	readonly because: RegExp;
	readonly code: string;
	/** Default [1, 2, 4, 4]. */
	readonly shape?: readonly number[];
	/** Constants after x; null is an absent one. */
	readonly inputs?: readonly (TensorSpec | null)[];
	readonly attributes?: Readonly<Record<string, AttributeSpec>>;
	readonly opset?: number;
	readonly outputs?: readonly string[];
};

const REFUSALS: readonly Refusal[] = [
	{ op: 'ReduceSum', because: /Axis 4 lies outside/, code: 'file', inputs: [ints(4)] },
	{ op: 'ReduceMean', because: /name one twice/, code: 'file', attributes: { axes: [1, -3] } },
	{ op: 'ReduceSum', because: /'axes', which is not supported/, code: 'unsupported', attributes: { axes: [1] } },
	{ op: 'CumSum', because: /exactly one axis/, code: 'file', inputs: [ints(0, 1)] },
	{ op: 'Split', because: /2 equal parts/, code: 'shape', shape: [3, 2], outputs: ['y', 'z'] },
	{ op: 'Split', because: /3 parts, but has 2 outputs/, code: 'file', inputs: [ints(1, 1, 2)], outputs: ['y', 'z'] },
	{ op: 'Split', because: /Parts of \[1,1\]/, code: 'shape', shape: [3], inputs: [ints(1, 1)], outputs: ['y', 'z'] },
	{ op: 'Split', because: /Parts of \[4,-1\]/, code: 'shape', shape: [3], inputs: [ints(4, -1)], outputs: ['y', 'z'] },
	{
		op: 'Split',
		because: /both lengths and num_outputs/,
		code: 'file',
		opset: 18,
		inputs: [ints(1)],
		attributes: { num_outputs: 1 },
	},
	{ op: 'Split', because: /num_outputs = 2 and 1/, code: 'file', opset: 18, attributes: { num_outputs: 2 } },
	{ op: 'Tile', because: /cannot repeat \[1,2,4,4\] by \[2\]/, code: 'shape', inputs: [ints(2)] },
	{ op: 'Tile', because: /cannot repeat/, code: 'shape', inputs: [ints(1, 1, -1, 1)] },
	{ op: 'Tile', because: /at most/, code: 'size', inputs: [ints(1000, 1000, 1000, 1000)] },
	{ op: 'GatherElements', because: /do not fit/, code: 'shape', inputs: [ints(0)] },
	{ op: 'GatherElements', because: /index 4 lies outside an axis of 4/, code: 'shape', shape: [4], inputs: [ints(4)] },
	{ op: 'GatherND', because: /index -5 lies outside/, code: 'shape', shape: [4], inputs: [ints(-5)] },
	{ op: 'GatherND', because: /1 batch axes/, code: 'shape', inputs: [ints(0)], attributes: { batch_dims: 1 } },
	{ op: 'DepthToSpace', because: /blocksize = 0/, code: 'file' },
	{ op: 'DepthToSpace', because: /2 channels are no multiple/, code: 'shape', attributes: { blocksize: 2 } },
	{ op: 'SpaceToDepth', because: /blocks of 3 x 3/, code: 'shape', attributes: { blocksize: 3 } },
	{
		op: 'Upsample',
		because: /opset 13, is not supported: it ended with opset 9/,
		code: 'unsupported',
		inputs: [floats(1, 1, 2, 2)],
	},
	{ op: 'Upsample', because: /some below 1/, code: 'file', opset: 9, inputs: [floats(1, 1, 0.5, 2)] },
	{ op: 'Resize', because: /either scales or sizes/, code: 'file' },
	{ op: 'Resize', because: /values for the axes/, code: 'shape', inputs: [null, floats(2, 2)] },
	{ op: 'Resize', because: /scales \[1,2,4,4\] by/, code: 'shape', inputs: [null, floats(1, 1, 0, 2)] },
	{ op: 'Resize', because: /makes \[1,2,4,0\]/, code: 'shape', inputs: [null, floats(1, 1, 1, 0.1)] },
	{ op: 'Resize', because: /at most/, code: 'size', inputs: [null, null, ints(1, 2, 100000, 100000)] },
	{
		op: 'Resize',
		because: /mode 'lanczos'/,
		code: 'unsupported',
		inputs: [null, floats(1, 1, 2, 2)],
		attributes: { mode: 'lanczos' },
	},
	{
		op: 'Resize',
		because: /opset 13 has coordinate_transformation_mode 'half_pixel_symmetric'/,
		code: 'unsupported',
		inputs: [null, floats(1, 1, 2, 2)],
		attributes: { coordinate_transformation_mode: 'half_pixel_symmetric' },
	},
	{
		op: 'Resize',
		because: /makes 2\.4\d* elements of 4/,
		code: 'unsupported',
		inputs: [null, floats(1, 1, 0.6, 2)],
		attributes: { coordinate_transformation_mode: 'align_corners', mode: 'linear' },
	},
	{ op: 'ConvTranspose', because: /does not fit an input/, code: 'shape', inputs: [kernel], attributes: { group: 3 } },
	{
		op: 'ConvTranspose',
		because: /makes nothing/,
		code: 'shape',
		inputs: [kernel],
		attributes: { pads: [3, 3, 3, 3] },
	},
	{
		op: 'ConvTranspose',
		because: /makes 17 elements of 4 on an axis, and 20 are/,
		code: 'unsupported',
		inputs: [{ shape: [2, 1, 2, 2], data: Array(8).fill(1) }],
		attributes: { auto_pad: 'SAME_UPPER', strides: [5, 5] },
	},
	{
		op: 'ConvTranspose',
		because: /makes 5 elements of 4 on an axis, and 6 are/,
		code: 'unsupported',
		inputs: [{ shape: [2, 1, 2, 2], data: Array(8).fill(1) }],
		attributes: { output_shape: [6, 5] },
	},
	{ op: 'Pow', because: /encrypted value to 17/, code: 'unsupported', inputs: [floats(17)] },
	{ op: 'Pow', because: /exponent Infinity/, code: 'file', inputs: [floats(Number.POSITIVE_INFINITY)] },
	{ op: 'Pow', because: /65 different/, code: 'unsupported', shape: [65], inputs: [floats(...Array(65).keys())] },
	{ op: 'Einsum', because: /the equation 'ij->k'/, code: 'file', attributes: { equation: 'ij->k' } },
	{ op: 'Einsum', because: /has the equation 'i j->->'/, code: 'file', attributes: { equation: 'i j->->' } },
	{ op: 'Einsum', because: /the equation 'i\?'/, code: 'file', attributes: { equation: 'i?' } },
	{ op: 'Einsum', because: /result leaves out/, code: 'file', attributes: { equation: '...i->i' } },
	{ op: 'Einsum', because: /names 2 axes/, code: 'shape', attributes: { equation: 'ij' } },
	{ op: 'Einsum', because: /diagonal/, code: 'shape', attributes: { equation: 'aabc' } },
	{ op: 'Einsum', because: /2 operands, the node 1/, code: 'file', attributes: { equation: 'abcd,ab' } },
	{
		op: 'Einsum',
		because: /axis a of Einsum has 2 elements .* and 3/,
		code: 'shape',
		shape: [2],
		inputs: [floats(1, 2, 3)],
		attributes: { equation: 'a,a' },
	},
	{
		op: 'Pad',
		because: /reaches further/,
		code: 'shape',
		shape: [3],
		inputs: [ints(3, 0)],
		attributes: { mode: 'reflect' },
	},
	{
		op: 'Pad',
		because: /reaches further/,
		code: 'shape',
		shape: [3],
		inputs: [ints(0, 3)],
		attributes: { mode: 'reflect' },
	},
	{
		op: 'Pad',
		because: /reaches further/,
		code: 'shape',
		shape: [3],
		inputs: [ints(0, 4)],
		attributes: { mode: 'wrap' },
	},
	{ op: 'Pad', because: /cuts away/, code: 'shape', shape: [3], inputs: [ints(-2, -2)] },
	{ op: 'Pad', because: /name one twice/, code: 'file', opset: 18, inputs: [ints(1, 1, 1, 1), null, ints(0, -4)] },
	{ op: 'CenterCropPad', because: /makes \[3\]/, code: 'shape', opset: 18, inputs: [ints(3)] },
	{
		op: 'Col2Im',
		because: /do not come as/,
		code: 'shape',
		opset: 18,
		shape: [1, 4, 5],
		inputs: [ints(3, 3), ints(2, 2)],
	},
	{ op: 'ReverseSequence', because: /lengths \[5,1\]/, code: 'shape', inputs: [ints(5, 1)] },
	{
		op: 'ReverseSequence',
		because: /time axis 2/,
		code: 'file',
		inputs: [ints(1, 1)],
		attributes: { time_axis: 2, batch_axis: 0 },
	},
	{
		op: 'GridSample',
		because: /ONNX and onnxruntime differ/,
		code: 'unsupported',
		opset: 16,
		shape: [1, 1, 2],
		inputs: [{ shape: [1, 1, 1], data: [0] }],
		attributes: { mode: 'bicubic', padding_mode: 'border' },
	},
	{ op: 'AveragePool', because: /needs spatial axes/, code: 'shape', shape: [2, 3] },
	{ op: 'LpPool', because: /p = 17/, code: 'unsupported', attributes: { kernel_shape: [2, 2], p: 17 } },
	{ op: 'ConvTranspose', because: /bias has shape/, code: 'shape', inputs: [kernel, floats(1, 2)] },
];

for (const { op, because, code, shape = [1, 2, 4, 4], inputs = [], attributes, opset, outputs = ['y'] } of REFUSALS) {
	test(`${op} is refused: ${because.source}`, () => {
		const names = inputs.map((input, i) => (input === null ? '' : `c${i}`));
		const initializers = new Map(inputs.flatMap((input, i) => (input === null ? [] : [[`c${i}`, input] as const])));
		const rest = attributes === undefined ? {} : { attributes };
		const spec = modelOf([node(op, ['x', ...names], outputs, rest)], {
			inputs: [{ name: 'x', shape }],
			initializers,
			...(opset === undefined ? {} : { opset }),
		});
		const [issue, ...others] = issuesOfModel(spec);
		assert.is(others.length, 0);
		assert.is(issue?.code, code);
		assert.match(issue?.message ?? '', because);
		assert.is(issue?.op, op);
		assert.is(issue?.node, 'y');
	});
}

test('an output beyond the first is a value of its own, also when the first is not read', async () => {
	const spec = modelOf([node('Split', ['x'], ['', 'b']), node('Mul', ['b', 'b'], ['y'])], {
		inputs: [{ name: 'x', shape: [4, 3] }],
	});
	await agreesWithReference(
		buildModel({ ...spec, nodes: [node('Split', ['x'], ['a', 'b']), ...spec.nodes.slice(1)] }),
		feed([4, 3]),
	);
	assert.equal(importModel(buildModel(spec)).graph.outputs[0]?.shape, [2, 3]);
});

test('an output that is not computed is refused when something reads it', () => {
	const nodes = [node('Dropout', ['x'], ['d', 'mask']), node('Add', ['d', 'mask'], ['y'])];
	const spec = modelOf(nodes, { opset: 10 });
	const [issue, ...others] = issuesOfModel(spec);
	assert.is(others.length, 0);
	assert.match(issue?.message ?? '', /only the first output of Dropout/);
});

test.run();
