import type { Issue } from '../errors.ts';

/** Why an operator is not compiled, as the end of a sentence about it, and what to do instead. */
export type Refusal = { readonly reason: string; readonly remedy: string };

/** Operators, separated by blanks, with the reason and the remedy that they share. */
type Group = readonly [operators: string, reason: string, remedy: string];

const INFERENCE = 'Export the model for inference (in PyTorch after model.eval()), up to its scores.';
const BEFORE_IT = 'Export the model up to this node, and let the client do the rest with the decrypted result.';
const CLIENT_FIRST = 'Let the client do this before it encrypts: export the model without it.';

const STANDARD: readonly Group[] = [
	[
		'TopK Unique NonMaxSuppression',
		'its result depends on the order of encrypted values, which no polynomial decides',
		BEFORE_IT,
	],
	[
		'RoiAlign MaxRoiPool MaxUnpool DeformConv',
		'it reads or writes places that are computed from encrypted values',
		BEFORE_IT,
	],
	[
		'LSTM GRU RNN CausalConvWithState LinearAttention',
		'a recurrent layer spends several levels in every step, and is not unrolled here',
		'Export it unrolled, as MatMul, Add, Sigmoid, Tanh and Mul for few steps, or train a convolution over time in its place.',
	],
	[
		'Loop Scan SequenceMap',
		'how often something runs cannot depend on encrypted values, and loops are not unrolled here',
		'Export the model by tracing with fixed shapes, or simplify it (onnxsim), so that only the nodes that run are left.',
	],
	[
		'SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength ConcatFromSequence SplitToSequence Optional OptionalGetElement OptionalHasElement',
		'sequences and optional values are not compiled, only tensors',
		'Export the model with tensors: Split, Slice and Concat with fixed numbers of parts.',
	],
	[
		'RandomNormal RandomNormalLike RandomUniform RandomUniformLike Multinomial Bernoulli',
		'random numbers would be the same in every run of a program',
		'Export the model for inference, or make the random values an input of it.',
	],
	[
		'StringNormalizer StringConcat StringSplit RegexFullMatch TfIdfVectorizer ImageDecoder',
		'text and files are not computed with under encryption',
		CLIENT_FIRST,
	],
	[
		'DynamicQuantizeLinear QLinearConv QLinearMatMul ConvInteger MatMulInteger',
		'it computes with integers that encrypted values were rounded to, and no polynomial rounds',
		'Compile the model that it was quantised from; weights alone may be quantised (DequantizeLinear).',
	],
	[
		'BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BitCast',
		'it works on bits, and CKKS computes with real numbers',
		CLIENT_FIRST,
	],
	[
		'Attention RotaryEmbedding',
		'attention is compiled from its parts only',
		'Export the model with an opset below 23, where it is written with MatMul, Mul, Softmax and Concat.',
	],
	[
		'SwiGLU',
		'it is compiled from its parts only',
		'Export the model with an opset below 28, where it is written with Split, Sigmoid and Mul.',
	],
	[
		'Acos Acosh Asin',
		'no polynomial is fitted to this function',
		'Write it with Exp, Log, Sqrt, Sin and Cos, which are fitted, or train with another activation.',
	],
	[
		'DFT STFT MelWeightMatrix',
		'complex numbers are not computed with',
		'Write the transform as a MatMul with the constant matrices of its cosines and sines, or let the client do it first.',
	],
	[
		'BlackmanWindow HammingWindow HannWindow',
		'windows are not computed here',
		'Fold constants when you export the model, so that the window is a constant of it.',
	],
	[
		'Det',
		'it is a product of very many encrypted values',
		'Write it with Mul if it is small, or let the client compute it from the decrypted result.',
	],
	['NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss', 'a loss is computed in training only', INFERENCE],
];

const MACHINE_LEARNING: readonly Group[] = [
	[
		'TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor',
		'a tree compares encrypted values at every branch, which no polynomial decides',
		'Train a linear model, a polynomial kernel or a small network on the same data.',
	],
	[
		'CastMap CategoryMapper DictVectorizer OneHotEncoder StringVectorizer',
		'it looks encrypted values up, or works on text and maps',
		CLIENT_FIRST,
	],
];

const byName = (groups: readonly Group[]): ReadonlyMap<string, Refusal> =>
	new Map(
		groups.flatMap(([operators, reason, remedy]) =>
			operators.split(' ').map((operator) => [operator, { reason, remedy }] as const),
		),
	);

const OPERATORS: ReadonlyMap<string, ReadonlyMap<string, Refusal>> = new Map([
	['', byName(STANDARD)],
	['ai.onnx.ml', byName(MACHINE_LEARNING)],
]);

/** What is true of every operator of a domain, or of those that begin with its name and a dot. */
const DOMAINS: readonly (readonly [domain: string, refusal: Refusal])[] = [
	[
		'com.microsoft',
		{
			reason: "it is one of onnxruntime's own, which its optimiser writes in place of standard operators",
			remedy: 'Use the model as it was before it was optimised (ORT_DISABLE_ALL), or export it again.',
		},
	],
	['ai.onnx.contrib', { reason: 'it is an extension of onnxruntime for text and images', remedy: CLIENT_FIRST }],
	['ai.onnx.training', { reason: 'it is for training', remedy: INFERENCE }],
	['ai.onnx.preview.training', { reason: 'it is for training', remedy: INFERENCE }],
	[
		'ai.onnx.preview',
		{ reason: 'it is not yet an operator of ONNX', remedy: 'Export the model with operators of ai.onnx only.' },
	],
	[
		'org.pytorch',
		{
			reason: 'it stands for an operator of PyTorch that was not exported',
			remedy: 'Export the model without fallback to ATen (operator_export_type ONNX), or with a newer PyTorch.',
		},
	],
];

const ANY: Refusal = {
	reason: 'it is not among those that are compiled',
	remedy: 'onnx-seal ops lists the operators that are; --outputs leaves out what the result does not need.',
};

const OTHER_DOMAIN: Refusal = {
	reason: 'it is no operator of ONNX, and the model does not say what it does',
	remedy: 'Export it as a function of standard operators, or replace it by them.',
};

/** Why an operator that is in no table is refused, and what would help. */
export const refusalOf = (domain: string, op: string): Refusal => {
	const own = OPERATORS.get(domain);
	if (own !== undefined) return own.get(op) ?? ANY;
	return DOMAINS.find(([name]) => domain === name || domain.startsWith(`${name}.`))?.[1] ?? OTHER_DOMAIN;
};

/** What takes the place of operators that ended. */
const SUCCESSORS: ReadonlyMap<string, string> = new Map([
	['Scatter', 'ScatterElements'],
	['Upsample', 'Resize'],
]);

/** Why a compiled operator is refused in an operator set that it is not read from: it begins later, or ended before. */
export const absenceOf = (op: string, opset: number, since: number, until: number): Refusal => {
	const successor = SUCCESSORS.get(op);
	if (opset < since)
		return {
			reason: `it is read from opset ${since} on`,
			remedy: `Export the model with opset ${since} or a later one.`,
		};
	return successor === undefined
		? { reason: `opsets up to ${until} are known here`, remedy: `Export the model with opset ${until}.` }
		: { reason: `it ended with opset ${until}`, remedy: `Export the model with ${successor} in its place.` };
};

/** Why an operator is refused whose domain the model does not import. */
export const NOT_IMPORTED: Refusal = {
	reason: 'so it is not known which version of the operator is meant',
	remedy: 'Add an opset_import for this domain, or export the model again.',
};

const LOOKING_UP: ReadonlySet<string> = new Set(['Gather', 'GatherElements', 'GatherND', 'OneHot']);

/** What helps where an operator needs a constant and gets an encrypted value. */
export const remedyForOperand = (op: string): string =>
	LOOKING_UP.has(op)
		? 'Let the client look up, and encrypt what it finds: export the model from there on. An input that is no secret may be given with --plain.'
		: 'If it comes from an input that is no secret, give that input its value with --plain; if it is a weight, leave it out of --encrypt.';

/** What helps where a refusal says nothing more special. */
export const GENERAL_REMEDIES: Readonly<Partial<Record<Issue['code'], string>>> = {
	unsupported:
		'onnx-seal ops says what is compiled; change the export, or leave out with --outputs what the result does not need.',
	shape: 'Check the model with onnx.shape_inference, and export it with fixed shapes that fit.',
	file: 'Check the model with onnx.checker.check_model, and export it again.',
	size: 'Use a smaller model: a smaller image, a shorter sequence, fewer channels.',
	range: 'Look for weights that are infinite, no numbers, or far too large.',
};
