import type { Run } from '../call.ts';
import { OPSETS } from '../decode.ts';
import { RECOGNISED } from '../recognise.ts';
import {
	Abs,
	ArgMax,
	Celu,
	Clip,
	Clip6,
	Cos,
	Elu,
	Erf,
	ErfGelu,
	Exp,
	Gelu,
	HardSigmoid,
	HardSwish,
	LeakyRelu,
	Log,
	LogSoftmax,
	LogSoftmax1,
	Mish,
	PRelu,
	PRelu6,
	Reciprocal,
	Relu,
	Selu,
	Sigmoid,
	Silu,
	Sin,
	Softmax,
	Softmax1,
	Softplus,
	Softsign,
	Sqrt,
	Swish,
	Tanh,
	ThresholdedRelu,
} from './activation.ts';
import { Add, Div, explicitBroadcast, Mean, Mul, Neg, Pow, Sub, Sum } from './arithmetic.ts';
import { Cast, CastLike, Constant_, ConstantOfShape } from './constants.ts';
import {
	And,
	Ceil,
	Equal,
	Floor,
	Greater,
	GreaterOrEqual,
	Less,
	LessOrEqual,
	Max,
	Min,
	Mod,
	NonZero,
	Not,
	Or,
	RangeOf,
	ReduceMax,
	ReduceMax1,
	ReduceMin,
	ReduceMin1,
	ReduceProd,
	ReduceProd1,
	Round,
	Sign,
	Size,
	Where,
	Xor,
} from './folding.ts';
import { Gemm, LegacyGemm, MatMul } from './matrix.ts';
import {
	Concat,
	Expand,
	Flatten,
	Gather,
	Identity,
	Pad,
	Pad2,
	Reshape,
	ShapeOf,
	Slice,
	Slice1,
	Squeeze,
	Squeeze1,
	Transpose,
	Unsqueeze,
	Unsqueeze1,
} from './movement.ts';
import {
	BatchNormalization,
	BatchNormalization6,
	BatchNormalization7,
	Dropout,
	Dropout6,
	Dropout7,
} from './normalization.ts';
import {
	DequantizeLinear,
	DequantizeLinear10,
	DequantizeLinear13,
	QuantizeLinear,
	QuantizeLinear10,
	QuantizeLinear13,
} from './quantization.ts';
import {
	DepthToSpace,
	DepthToSpace1,
	GatherElements,
	GatherND,
	GatherND11,
	SpaceToDepth,
	Split,
	Split2,
	Split13,
	Tile,
} from './rearrangement.ts';
import { CumSum, ReduceMean, ReduceMean1, ReduceSum, ReduceSum1 } from './reduction.ts';
import { Resize, Resize10, Resize11, Upsample, Upsample7, Upsample10 } from './resize.ts';
import { EyeLike, OneHot, ScatterElements, ScatterElements9, ScatterND, ScatterND11, Trilu } from './scatter.ts';
import { AveragePool, Conv, ConvTranspose, GlobalAveragePool } from './spatial.ts';

/** One meaning of an operator: from operator set `since` on, until another version of it begins. */
type Version = { readonly since: number; readonly run: Run };
type Operator = { readonly op: string; readonly note: string; readonly versions: readonly Version[] };

const always = (run: Run): readonly Version[] => [{ since: OPSETS.min, run }];
const since = (...versions: readonly (readonly [since: number, run: Run])[]): readonly Version[] =>
	versions.map(([since, run]) => ({ since, run }));

/** The operators of ai.onnx that are compiled. */
const STANDARD: readonly Operator[] = [
	{ op: 'Abs', note: 'fitted polynomial', versions: always(Abs) },
	{ op: 'Add', note: '', versions: since([6, explicitBroadcast(Add)], [7, Add]) },
	{ op: 'And', note: 'constants', versions: since([6, explicitBroadcast(And)], [7, And]) },
	{ op: 'ArgMax', note: 'at the end of the model: done by the client', versions: always(ArgMax) },
	{ op: 'AveragePool', note: '', versions: always(AveragePool) },
	{
		op: 'BatchNormalization',
		note: 'inference',
		versions: since([6, BatchNormalization6], [7, BatchNormalization7], [14, BatchNormalization]),
	},
	{ op: 'Cast', note: 'encrypted values to float types only', versions: always(Cast) },
	{ op: 'CastLike', note: 'encrypted values to float types only', versions: since([15, CastLike]) },
	{ op: 'Ceil', note: 'constants', versions: always(Ceil) },
	{ op: 'Celu', note: 'fitted polynomial', versions: since([12, Celu]) },
	{ op: 'Clip', note: 'constant bounds; fitted polynomial', versions: since([6, Clip6], [11, Clip]) },
	{ op: 'Concat', note: '', versions: always(Concat) },
	{ op: 'Constant', note: 'numbers', versions: always(Constant_) },
	{ op: 'ConstantOfShape', note: 'constant shape', versions: since([9, ConstantOfShape]) },
	{ op: 'Conv', note: 'constant kernel; any number of spatial axes', versions: always(Conv) },
	{ op: 'ConvTranspose', note: 'constant kernel; any number of spatial axes', versions: always(ConvTranspose) },
	{ op: 'Cos', note: 'fitted polynomial', versions: since([7, Cos]) },
	{ op: 'CumSum', note: 'constant axis', versions: since([11, CumSum]) },
	{ op: 'DepthToSpace', note: '', versions: since([6, DepthToSpace1], [11, DepthToSpace]) },
	{
		op: 'DequantizeLinear',
		note: 'constants, such as quantised weights',
		versions: since([10, DequantizeLinear10], [13, DequantizeLinear13], [21, DequantizeLinear]),
	},
	{ op: 'Div', note: 'by constants', versions: since([6, explicitBroadcast(Div)], [7, Div]) },
	{ op: 'Dropout', note: 'inference', versions: since([6, Dropout6], [7, Dropout7], [12, Dropout]) },
	{ op: 'Elu', note: 'fitted polynomial', versions: always(Elu) },
	{ op: 'Equal', note: 'constants', versions: since([6, explicitBroadcast(Equal)], [7, Equal]) },
	{ op: 'Erf', note: 'fitted polynomial', versions: since([9, Erf]) },
	{ op: 'Exp', note: 'fitted polynomial', versions: always(Exp) },
	{ op: 'Expand', note: 'constant shape', versions: since([8, Expand]) },
	{ op: 'EyeLike', note: '', versions: since([9, EyeLike]) },
	{ op: 'Flatten', note: '', versions: always(Flatten) },
	{ op: 'Floor', note: 'constants', versions: always(Floor) },
	{ op: 'Gather', note: 'constant indices', versions: always(Gather) },
	{ op: 'GatherElements', note: 'constant indices', versions: since([11, GatherElements]) },
	{ op: 'GatherND', note: 'constant indices', versions: since([11, GatherND11], [12, GatherND]) },
	{ op: 'Gelu', note: 'fitted polynomial', versions: since([20, Gelu]) },
	{ op: 'Gemm', note: '', versions: since([6, LegacyGemm], [7, Gemm]) },
	{ op: 'GlobalAveragePool', note: '', versions: always(GlobalAveragePool) },
	{ op: 'Greater', note: 'constants', versions: since([6, explicitBroadcast(Greater)], [7, Greater]) },
	{ op: 'GreaterOrEqual', note: 'constants', versions: since([12, GreaterOrEqual]) },
	{ op: 'HardSigmoid', note: 'fitted polynomial', versions: always(HardSigmoid) },
	{ op: 'HardSwish', note: 'fitted polynomial', versions: since([14, HardSwish]) },
	{ op: 'Identity', note: '', versions: always(Identity) },
	{ op: 'LeakyRelu', note: 'fitted polynomial', versions: always(LeakyRelu) },
	{ op: 'Less', note: 'constants', versions: since([6, explicitBroadcast(Less)], [7, Less]) },
	{ op: 'LessOrEqual', note: 'constants', versions: since([12, LessOrEqual]) },
	{ op: 'Log', note: 'fitted polynomial on values above 0', versions: always(Log) },
	{
		op: 'LogSoftmax',
		note: 'at the end of the model: done by the client',
		versions: since([6, LogSoftmax1], [13, LogSoftmax]),
	},
	{ op: 'MatMul', note: '', versions: always(MatMul) },
	{ op: 'Max', note: 'constants', versions: always(Max) },
	{ op: 'Mean', note: '', versions: always(Mean) },
	{ op: 'Min', note: 'constants', versions: always(Min) },
	{ op: 'Mish', note: 'fitted polynomial', versions: since([18, Mish]) },
	{ op: 'Mod', note: 'constants', versions: since([10, Mod]) },
	{ op: 'Mul', note: '', versions: since([6, explicitBroadcast(Mul)], [7, Mul]) },
	{ op: 'Neg', note: '', versions: always(Neg) },
	{ op: 'NonZero', note: 'constants', versions: since([9, NonZero]) },
	{ op: 'Not', note: 'constants', versions: always(Not) },
	{ op: 'OneHot', note: 'constants', versions: since([9, OneHot]) },
	{ op: 'Or', note: 'constants', versions: since([6, explicitBroadcast(Or)], [7, Or]) },
	{ op: 'PRelu', note: 'constant slope; fitted polynomial', versions: since([6, PRelu6], [7, PRelu]) },
	{ op: 'Pad', note: 'constant pads', versions: since([6, Pad2], [11, Pad]) },
	{ op: 'Pow', note: 'exponents 1 to 16', versions: since([6, explicitBroadcast(Pow)], [7, Pow]) },
	{
		op: 'QuantizeLinear',
		note: 'constants',
		versions: since([10, QuantizeLinear10], [13, QuantizeLinear13], [21, QuantizeLinear]),
	},
	{ op: 'Range', note: 'constants', versions: since([11, RangeOf]) },
	{ op: 'Reciprocal', note: 'fitted polynomial on values of one sign', versions: always(Reciprocal) },
	{ op: 'ReduceMax', note: 'constants', versions: since([6, ReduceMax1], [18, ReduceMax]) },
	{ op: 'ReduceMean', note: 'constant axes', versions: since([6, ReduceMean1], [18, ReduceMean]) },
	{ op: 'ReduceMin', note: 'constants', versions: since([6, ReduceMin1], [18, ReduceMin]) },
	{ op: 'ReduceProd', note: 'constants', versions: since([6, ReduceProd1], [18, ReduceProd]) },
	{ op: 'ReduceSum', note: 'constant axes', versions: since([6, ReduceSum1], [13, ReduceSum]) },
	{ op: 'Relu', note: 'fitted polynomial', versions: always(Relu) },
	{ op: 'Reshape', note: 'constant shape', versions: always(Reshape) },
	{
		op: 'Resize',
		note: 'constant scales or sizes',
		versions: since([10, Resize10], [11, Resize11], [18, Resize]),
	},
	{ op: 'Round', note: 'constants', versions: since([11, Round]) },
	{ op: 'Scatter', note: 'constant indices', versions: since([9, ScatterElements9]) },
	{ op: 'ScatterElements', note: 'constant indices', versions: since([11, ScatterElements9], [16, ScatterElements]) },
	{ op: 'ScatterND', note: 'constant indices', versions: since([11, ScatterND11], [16, ScatterND]) },
	{ op: 'Selu', note: 'fitted polynomial', versions: always(Selu) },
	{ op: 'Shape', note: '', versions: always(ShapeOf) },
	{ op: 'Sigmoid', note: 'fitted polynomial; by the client at the end of the model', versions: always(Sigmoid) },
	{ op: 'Sign', note: 'constants', versions: since([9, Sign]) },
	{ op: 'Sin', note: 'fitted polynomial', versions: since([7, Sin]) },
	{ op: 'Size', note: '', versions: always(Size) },
	{ op: 'Slice', note: 'constant bounds', versions: since([6, Slice1], [10, Slice]) },
	{ op: 'Softmax', note: 'at the end of the model: done by the client', versions: since([6, Softmax1], [13, Softmax]) },
	{ op: 'Softplus', note: 'fitted polynomial', versions: always(Softplus) },
	{ op: 'Softsign', note: 'fitted polynomial', versions: always(Softsign) },
	{ op: 'SpaceToDepth', note: '', versions: always(SpaceToDepth) },
	{ op: 'Split', note: 'constant lengths', versions: since([6, Split2], [13, Split13], [18, Split]) },
	{ op: 'Sqrt', note: 'fitted polynomial on values not below 0', versions: always(Sqrt) },
	{ op: 'Squeeze', note: '', versions: since([6, Squeeze1], [13, Squeeze]) },
	{ op: 'Sub', note: '', versions: since([6, explicitBroadcast(Sub)], [7, Sub]) },
	{ op: 'Sum', note: '', versions: always(Sum) },
	{ op: 'Swish', note: 'fitted polynomial', versions: since([24, Swish]) },
	{ op: 'Tanh', note: 'fitted polynomial', versions: always(Tanh) },
	{ op: 'ThresholdedRelu', note: 'fitted polynomial, except near the jump', versions: since([10, ThresholdedRelu]) },
	{ op: 'Tile', note: 'constant repeats', versions: always(Tile) },
	{ op: 'Transpose', note: '', versions: always(Transpose) },
	{ op: 'Trilu', note: 'constant diagonal', versions: since([14, Trilu]) },
	{ op: 'Unsqueeze', note: '', versions: since([6, Unsqueeze1], [13, Unsqueeze]) },
	{
		op: 'Upsample',
		note: 'constant scales; up to opset 9',
		versions: since([7, Upsample7], [9, Upsample], [10, Upsample10]),
	},
	{ op: 'Where', note: 'constant condition', versions: since([9, Where]) },
	{ op: 'Xor', note: 'constants', versions: since([6, explicitBroadcast(Xor)], [7, Xor]) },
];

/** What the recogniser writes in place of several standard nodes. */
const RECOGNISED_OPERATORS: readonly Operator[] = [
	{ op: 'Gelu', note: 'Div, Erf, Add, Mul, Mul of an export', versions: always(ErfGelu) },
	{ op: 'HardSwish', note: 'Mul(x, HardSigmoid(x)) of an export', versions: always(HardSwish) },
	{ op: 'Mish', note: 'Mul(x, Tanh(Softplus(x))) of an export', versions: always(Mish) },
	{ op: 'Silu', note: 'Mul(x, Sigmoid(x)) of an export', versions: always(Silu) },
];

const byName = (operators: readonly Operator[]): ReadonlyMap<string, readonly Version[]> =>
	new Map(operators.map(({ op, versions }) => [op, versions]));

const DOMAINS: ReadonlyMap<string, ReadonlyMap<string, readonly Version[]>> = new Map([
	['', byName(STANDARD)],
	[RECOGNISED, byName(RECOGNISED_OPERATORS)],
]);

/** How an operator is imported under an operator set; undefined when it is not supported. */
export const runOf = (domain: string, op: string, opset: number): Run | undefined =>
	DOMAINS.get(domain)
		?.get(op)
		?.findLast((version) => version.since <= opset)?.run;

export type SupportedOp = {
	readonly op: string;
	readonly domain: string;
	readonly since: number;
	readonly note: string;
};

/** Every operator that is compiled, in alphabetical order, with the first operator set it is read from. */
export const supportedOps = (): readonly SupportedOp[] =>
	STANDARD.map(({ op, note, versions }) => ({ op, domain: 'ai.onnx', since: versions[0]?.since ?? OPSETS.min, note }));
