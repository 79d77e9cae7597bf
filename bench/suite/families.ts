import type { CaseName } from './cases.ts';

/** Which operators belong together: what can be asked of them is the same. */
export const FAMILIES = ['linear', 'exact polynomial', 'one variable', 'harder', 'other'] as const;
export type Family = (typeof FAMILIES)[number];

const LINEAR = [
	...['Add', 'Sub', 'Mul', 'Div', 'Neg', 'Sum', 'Mean', 'Gemm', 'MatMul', 'Conv', 'ConvTranspose', 'AveragePool'],
	...['GlobalAveragePool', 'BatchNormalization', 'Flatten', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Concat'],
	...['Split', 'Slice', 'Pad', 'Gather', 'GatherElements', 'GatherND', 'Expand', 'Tile', 'Identity', 'Dropout', 'Cast'],
	...['CumSum', 'ReduceSum', 'ReduceMean', 'Einsum', 'DepthToSpace', 'SpaceToDepth', 'Upsample', 'Resize', 'Col2Im'],
	'CenterCropPad',
];
const POLYNOMIAL = ['Pow', 'ReduceSumSquare', 'ReduceProd'];
const ONE_VARIABLE = [
	...['Relu', 'LeakyRelu', 'PRelu', 'Elu', 'Selu', 'Celu', 'Sigmoid', 'HardSigmoid', 'Tanh', 'Softplus', 'Softsign'],
	...['Gelu', 'Erf', 'Exp', 'Log', 'Sqrt', 'Reciprocal', 'Abs', 'HardSwish', 'Swish', 'Mish', 'Clip'],
	...['ThresholdedRelu', 'Sin', 'Cos'],
];
const HARDER = [
	...['MaxPool', 'Max', 'Min', 'ReduceMax', 'ReduceMin', 'Softmax', 'LogSoftmax', 'LayerNormalization'],
	...['InstanceNormalization', 'GroupNormalization', 'RMSNormalization', 'LRN', 'ReduceL2'],
];
const OPERATORS: readonly (readonly [Family, readonly string[]])[] = [
	['linear', LINEAR],
	['exact polynomial', POLYNOMIAL],
	['one variable', ONE_VARIABLE],
	['harder', HARDER],
];

/** Types that hold what a linear map gives; Cast to another one rounds, and so does Div of integers. */
const FLOATS = ['FLOAT', 'DOUBLE', 'FLOAT16', 'BFLOAT16'];
const ROUNDING = ['Cast', 'Div'];

/** The family of a case: of its operator, but that Cast and Div are linear only where their results are not rounded. */
export const familyOf = ({ domain, op, outputs }: Pick<CaseName, 'domain' | 'op' | 'outputs'>): Family => {
	const rounds = ROUNDING.includes(op) && outputs.some(({ type }) => !FLOATS.includes(type));
	return (domain === 'ai.onnx' && !rounds && OPERATORS.find(([, ops]) => ops.includes(op))?.[0]) || 'other';
};
