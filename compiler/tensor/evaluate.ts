import { InternalError } from '../errors.ts';
import { clenshaw } from '../numeric/chebyshev.ts';
import { functionOf } from './activations.ts';
import { type Graph, type Id, type Kind, type Node, type Shape, seriesAt, sizeOf, type Windows } from './graph.ts';
import { apply } from './sparse.ts';

/** What a node's rule sees: values of earlier nodes by id, and the inputs by name. */
export type Surroundings = {
	readonly value: (id: Id) => Float64Array;
	readonly input: (name: string) => Float64Array | undefined;
};
type Rules = { readonly [P in Kind]: (node: Node<P>, at: Surroundings) => Float64Array };

/** The definition of the IR: what each kind of node computes. */
const rules: Rules = {
	input: ({ name, shape }, at) => {
		const value = at.input(name);
		if (value?.length !== sizeOf(shape))
			throw new InternalError('evaluate', `input ${name} has ${value?.length ?? 'no'} values, not ${sizeOf(shape)}`);
		return value;
	},
	affine: ({ terms, bias }, at) => {
		const y = Float64Array.from(bias);
		for (const { x, matrix } of terms) {
			const product = apply(matrix, at.value(x));
			for (let i = 0; i < y.length; i++) y[i] = (y[i] as number) + (product[i] as number);
		}
		return y;
	},
	multiply: ({ a, b }, at) => {
		const right = at.value(b);
		return at.value(a).map((x, i) => x * (right[i] as number));
	},
	polynomial: (node, at) =>
		at.value(node.x).map((v, e) => {
			const { center, radius, coefficients } = seriesAt(node, e);
			return clenshaw(coefficients, (v - center) / radius);
		}),
	activation: (node, at) => at.value(node.x).map(functionOf(node)),
	pooled: ({ x, windows, fn, parameters }, at) => {
		const largest = largestOf(windows, at.value(x));
		return fn === undefined ? largest : largest.map(functionOf({ fn, ...(parameters && { parameters }) }));
	},
	tail: (node, at) => tail(node, at.value(node.x)),
};

/** y[i] = max of x[j] over the members j of window i. */
export const largestOf = ({ start, members }: Windows, x: Float64Array): Float64Array => {
	const y = new Float64Array(start.length - 1).fill(Number.NEGATIVE_INFINITY);
	for (let i = 0; i < y.length; i++)
		for (let k = start[i] as number; k < (start[i + 1] as number); k++)
			y[i] = Math.max(y[i] as number, x[members[k] as number] as number);
	return y;
};

/** The value of one node given its operands' values. */
export const evaluateNode = (node: Node, at: Surroundings): Float64Array =>
	(rules[node.kind] as (node: Node, at: Surroundings) => Float64Array)(node, at);

/** Every node's value, by id. Throws InternalError when an input is missing or of another size. */
export const evaluateAll = (graph: Graph, inputs: ReadonlyMap<string, Float64Array>): Float64Array[] => {
	const values: Float64Array[] = [];
	const at: Surroundings = { value: (id) => values[id] as Float64Array, input: (name) => inputs.get(name) };
	for (const node of graph.nodes) values.push(evaluateNode(node, at));
	return values;
};

/** The outputs by name, on float64: the definition of what a graph computes. */
export const evaluate = (graph: Graph, inputs: ReadonlyMap<string, Float64Array>): Map<string, Float64Array> => {
	const values = evaluateAll(graph, inputs);
	return new Map(graph.outputs.map(({ name, id }) => [name, values[id] as Float64Array]));
};

/** The shape of a tail's operand: that of the node itself, with the reduced axis of argMax put back; pairs of classes before votes, one axis before a selection. */
export const tailOperandShape = (node: Node<'tail'>, size: number): Shape => {
	if (node.fn === 'select') return [size];
	if (node.fn === 'votes') return [...node.shape.slice(0, -1), pairsOf(node.shape.at(-1) ?? 0)];
	if (node.fn !== 'argMax') return node.shape;
	const length = size / sizeOf(node.shape);
	return node.shape.toSpliced(node.axis, node.keepDims ? 1 : 0, length);
};

/** What the client does: along every line of `axis`, or with `values` element by element. */
const tail = (node: Node<'tail'>, x: Float64Array): Float64Array => {
	const { fn, values: table = [] } = node;
	if (fn === 'select') return Float64Array.from(table, (from) => x[from] as number);
	if (fn === 'votes') return votes(x, node.shape.at(-1) ?? 0);
	if (fn === 'lookup') return x.map((i) => table[i] as number);
	const shape = tailOperandShape(node, x.length);
	const length = shape[node.axis] ?? 1;
	const stride = sizeOf(shape.slice(node.axis + 1));
	const result = new Float64Array(sizeOf(node.shape));
	for (let line = 0; line < x.length / length; line++) {
		const start = Math.floor(line / stride) * length * stride + (line % stride);
		const values = Float64Array.from({ length }, (_, i) => x[start + i * stride] as number);
		if (fn === 'argMax') result[line] = argMax(values, node.selectLast);
		else
			lineOf(fn, values).forEach((v, i) => {
				result[start + i * stride] = v;
			});
	}
	return result;
};

/** The index of the largest value: the first of equals, or the last. */
export const argMax = (values: ArrayLike<number>, selectLast = false): number => {
	let best = 0;
	for (let i = 1; i < values.length; i++) {
		const difference = (values[i] as number) - (values[best] as number);
		if (difference > 0 || (selectLast && difference === 0)) best = i;
	}
	return best;
};

/** How many pairs of different things there are. */
const pairsOf = (count: number): number => (count * (count - 1)) / 2;

/** For each class the number of pairs that it wins; of the pair of i and j > i the winner is i where x is above 0. */
const votes = (x: Float64Array, classes: number): Float64Array => {
	const pairs = pairsOf(classes);
	const count = new Float64Array((x.length / pairs) * classes);
	let at = 0;
	for (let line = 0; line < count.length; line += classes)
		for (let i = 0; i < classes; i++)
			for (let j = i + 1; j < classes; j++) {
				const winner = line + ((x[at++] as number) > 0 ? i : j);
				count[winner] = (count[winner] as number) + 1;
			}
	return count;
};

/** What a tail makes of one line. */
const lineOf = (fn: Node<'tail'>['fn'], x: Float64Array): Float64Array => {
	if (fn === 'hardmax') return new Float64Array(x.length).fill(1, argMax(x), argMax(x) + 1);
	return fn === 'l1' ? shares(x) : softmax(x, fn === 'logSoftmax');
};

/** x[i] / sum_j |x[j]|, or 0 where all are 0. */
const shares = (x: Float64Array): Float64Array => {
	const total = x.reduce((sum, v) => sum + Math.abs(v), 0);
	return total === 0 ? x : x.map((v) => v / total);
};

/** exp(x[i] - max) / sum_j exp(x[j] - max), or its logarithm. */
const softmax = (x: Float64Array, logarithm: boolean): Float64Array => {
	const largest = x.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
	const total = x.reduce((sum, v) => sum + Math.exp(v - largest), 0);
	return x.map((v) => (logarithm ? v - largest - Math.log(total) : Math.exp(v - largest) / total));
};
