import type { Run } from '../call.ts';
import { OPSETS } from '../decode.ts';
import { RECOGNISED } from '../recognise/form.ts';
import { ACTIVATIONS, RECOGNISED_ACTIVATIONS } from './activation.ts';
import { ARITHMETIC } from './arithmetic.ts';
import { CLASSES } from './classes.ts';
import { CONSTANTS } from './constants.ts';
import { CONTROL } from './control.ts';
import { SUMS_OF_PRODUCTS } from './einsum.ts';
import { EXTREMES } from './extremes.ts';
import { FOLDING } from './folding.ts';
import { FUNCTIONS } from './functions.ts';
import { SAMPLING } from './grid.ts';
import { PRODUCTS } from './matrix.ts';
import { LINEAR_MODELS } from './ml.ts';
import { MOVEMENTS } from './movement.ts';
import { NORMALIZATIONS } from './normalization.ts';
import { NORMS } from './norms.ts';
import { PADDING } from './padding.ts';
import { POOLING } from './pooling.ts';
import { POWERS } from './power.ts';
import { QUANTIZATION } from './quantization.ts';
import { REARRANGEMENTS } from './rearrangement.ts';
import { REDUCTIONS } from './reduction.ts';
import { RESIZING } from './resize.ts';
import { SCATTERS } from './scatter.ts';
import { RECOGNISED_SCORES, SCORES } from './softmax.ts';
import { SPATIAL } from './spatial.ts';
import { SUPPORT_VECTORS } from './svm.ts';
import { COSTS, type How, type Operator } from './table.ts';

/** The operators of ai.onnx that are compiled, by family. */
const STANDARD: readonly Operator[] = [
	...ACTIVATIONS,
	...ARITHMETIC,
	...CONSTANTS,
	...CONTROL,
	...EXTREMES,
	...SUMS_OF_PRODUCTS,
	...FOLDING,
	...FUNCTIONS,
	...PRODUCTS,
	...MOVEMENTS,
	...NORMALIZATIONS,
	...NORMS,
	...PADDING,
	...POOLING,
	...POWERS,
	...QUANTIZATION,
	...REARRANGEMENTS,
	...REDUCTIONS,
	...RESIZING,
	...SAMPLING,
	...SCATTERS,
	...SCORES,
	...SPATIAL,
];

/** The operators of ai.onnx.ml that are compiled: what scikit-learn's models are exported with. */
const ML: readonly Operator[] = [...CLASSES, ...LINEAR_MODELS, ...SUPPORT_VECTORS];

/** The operators that are compiled, by domain. */
const DOMAINS: ReadonlyMap<string, readonly Operator[]> = new Map([
	['', STANDARD],
	['ai.onnx.ml', ML],
]);

/** The newest operator set of each domain whose meaning is known. */
const NEWEST: ReadonlyMap<string, number> = new Map([
	['', OPSETS.max],
	['ai.onnx.ml', 5],
]);

const BY_NAME: ReadonlyMap<string, ReadonlyMap<string, Operator>> = new Map(
	[...DOMAINS, [RECOGNISED, [...RECOGNISED_ACTIVATIONS, ...RECOGNISED_SCORES]] as const].map(([domain, operators]) => [
		domain,
		new Map(operators.map((operator) => [operator.op, operator])),
	]),
);

/** The first and the last operator set that a compiled operator is read from; undefined when it is not compiled. */
export const opsetsWith = (domain: string, op: string): Pick<SupportedOp, 'since' | 'until'> | undefined => {
	const operator = BY_NAME.get(domain)?.get(op);
	return operator === undefined ? undefined : rangeOf(domain, operator);
};

const rangeOf = (domain: string, { versions, until }: Operator): Pick<SupportedOp, 'since' | 'until'> => ({
	since: versions[0]?.since ?? OPSETS.min,
	until: until ?? NEWEST.get(domain) ?? OPSETS.max,
});

/** How an operator is imported under an operator set; undefined when it is not supported. */
export const runOf = (domain: string, op: string, opset: number): Run | undefined => {
	const operator = BY_NAME.get(domain)?.get(op);
	if (operator === undefined || opset > rangeOf(domain, operator).until) return undefined;
	return operator.versions.findLast(({ since }) => since <= opset)?.run;
};

export type SupportedOp = {
	readonly op: string;
	readonly domain: string;
	/** The operator sets that it is read from: the first and the last. */
	readonly since: number;
	readonly until: number;
	readonly how: How;
	/** Levels and products, in words. */
	readonly cost: string;
	readonly note: string;
};

/** Every operator that is compiled, in alphabetical order by domain. */
export const supportedOps = (): readonly SupportedOp[] =>
	[...DOMAINS].flatMap(([domain, operators]) =>
		operators
			.map((operator) => ({ operator, ...rangeOf(domain, operator) }))
			.map(({ operator: { op, how, cost, note }, since, until }) => ({
				op,
				domain: domain === '' ? 'ai.onnx' : domain,
				since,
				until,
				how,
				cost: cost ?? COSTS[how],
				note,
			}))
			.sort((a, b) => (a.op < b.op ? -1 : 1)),
	);
