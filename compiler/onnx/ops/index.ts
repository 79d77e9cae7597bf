import type { Run } from '../call.ts';
import { OPSETS } from '../decode.ts';
import { RECOGNISED } from '../recognise.ts';
import {
	ArgMax,
	ErfGelu,
	Gelu,
	LogSoftmax,
	LogSoftmax1,
	Relu,
	Sigmoid,
	Silu,
	Softmax,
	Softmax1,
	Tanh,
} from './activation.ts';
import { Add, Div, explicitBroadcast, Mul, Neg, Pow, Sub, Sum } from './arithmetic.ts';
import { Cast, CastLike, Constant_, ConstantOfShape } from './constants.ts';
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
import { AveragePool, Conv, GlobalAveragePool } from './spatial.ts';

/** One meaning of an operator: from operator set `since` on, until another version of it begins. */
type Version = { readonly since: number; readonly run: Run };
type Operator = { readonly op: string; readonly note: string; readonly versions: readonly Version[] };

const always = (run: Run): readonly Version[] => [{ since: OPSETS.min, run }];
const since = (...versions: readonly (readonly [since: number, run: Run])[]): readonly Version[] =>
	versions.map(([since, run]) => ({ since, run }));

/** The operators of ai.onnx that are compiled. */
const STANDARD: readonly Operator[] = [
	{ op: 'Add', note: '', versions: since([6, explicitBroadcast(Add)], [7, Add]) },
	{ op: 'ArgMax', note: 'at the end of the model: done by the client', versions: always(ArgMax) },
	{ op: 'AveragePool', note: '', versions: always(AveragePool) },
	{
		op: 'BatchNormalization',
		note: 'inference',
		versions: since([6, BatchNormalization6], [7, BatchNormalization7], [14, BatchNormalization]),
	},
	{ op: 'Cast', note: 'encrypted values to float types only', versions: always(Cast) },
	{ op: 'CastLike', note: 'encrypted values to float types only', versions: since([15, CastLike]) },
	{ op: 'Concat', note: '', versions: always(Concat) },
	{ op: 'Constant', note: 'numbers', versions: always(Constant_) },
	{ op: 'ConstantOfShape', note: 'constant shape', versions: since([9, ConstantOfShape]) },
	{ op: 'Conv', note: 'constant kernel; any number of spatial axes', versions: always(Conv) },
	{ op: 'Div', note: 'by constants', versions: since([6, explicitBroadcast(Div)], [7, Div]) },
	{ op: 'Dropout', note: 'inference', versions: since([6, Dropout6], [7, Dropout7], [12, Dropout]) },
	{ op: 'Expand', note: 'constant shape', versions: since([8, Expand]) },
	{ op: 'Flatten', note: '', versions: always(Flatten) },
	{ op: 'Gather', note: 'constant indices', versions: always(Gather) },
	{ op: 'Gelu', note: 'fitted polynomial', versions: since([20, Gelu]) },
	{ op: 'Gemm', note: '', versions: since([6, LegacyGemm], [7, Gemm]) },
	{ op: 'GlobalAveragePool', note: '', versions: always(GlobalAveragePool) },
	{ op: 'Identity', note: '', versions: always(Identity) },
	{
		op: 'LogSoftmax',
		note: 'at the end of the model: done by the client',
		versions: since([6, LogSoftmax1], [13, LogSoftmax]),
	},
	{ op: 'MatMul', note: '', versions: always(MatMul) },
	{ op: 'Mul', note: '', versions: since([6, explicitBroadcast(Mul)], [7, Mul]) },
	{ op: 'Neg', note: '', versions: always(Neg) },
	{ op: 'Pad', note: 'constant pads', versions: since([6, Pad2], [11, Pad]) },
	{ op: 'Pow', note: 'exponents 1 to 16', versions: since([6, explicitBroadcast(Pow)], [7, Pow]) },
	{ op: 'Relu', note: 'fitted polynomial', versions: always(Relu) },
	{ op: 'Reshape', note: 'constant shape', versions: always(Reshape) },
	{ op: 'Shape', note: '', versions: always(ShapeOf) },
	{ op: 'Sigmoid', note: 'fitted polynomial; by the client at the end of the model', versions: always(Sigmoid) },
	{ op: 'Slice', note: 'constant bounds', versions: since([6, Slice1], [10, Slice]) },
	{ op: 'Softmax', note: 'at the end of the model: done by the client', versions: since([6, Softmax1], [13, Softmax]) },
	{ op: 'Squeeze', note: '', versions: since([6, Squeeze1], [13, Squeeze]) },
	{ op: 'Sub', note: '', versions: since([6, explicitBroadcast(Sub)], [7, Sub]) },
	{ op: 'Sum', note: '', versions: always(Sum) },
	{ op: 'Tanh', note: 'fitted polynomial', versions: always(Tanh) },
	{ op: 'Transpose', note: '', versions: always(Transpose) },
	{ op: 'Unsqueeze', note: '', versions: since([6, Unsqueeze1], [13, Unsqueeze]) },
];

/** What the recogniser writes in place of several standard nodes. */
const RECOGNISED_OPERATORS: readonly Operator[] = [
	{ op: 'Gelu', note: 'Div, Erf, Add, Mul, Mul of an export', versions: always(ErfGelu) },
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
