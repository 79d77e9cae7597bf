import { nameOf } from './activations.ts';
import type { Graph, Kind, Node } from './graph.ts';
import { isIdentity, nonZeros, type SparseMatrix } from './sparse.ts';

type Printers = { readonly [P in Kind]: (node: Node<P>) => string };

const printers: Printers = {
	input: ({ name }) => `input ${JSON.stringify(name)}`,
	affine: ({ terms, bias }) => {
		const parts = terms.map(({ x, matrix }) => `%${x} (${describe(matrix)})`);
		if (bias.some((b) => b !== 0)) parts.push('bias');
		return `affine ${parts.length === 0 ? '0' : parts.join(' + ')}`;
	},
	multiply: ({ a, b }) => (a === b ? `square %${a}` : `multiply %${a} %${b}`),
	polynomial: ({ x, series, inner }) => {
		const [first, ...others] = series;
		const low = Math.min(...series.map(({ center, radius }) => center - radius));
		const high = Math.max(...series.map(({ center, radius }) => center + radius));
		const head = `polynomial %${x} degree ${(first?.coefficients.length ?? 0) - 1} on [${number(low)}, ${number(high)}]`;
		return others.length === 0
			? `${head} c = [${first?.coefficients.map(number).join(', ')}]`
			: `${head}, ${series.length} channels of ${inner}`;
	},
	activation: (node) => `${nameOf(node)} %${node.x}`,
	pooled: ({ x, windows, fn, parameters }) => {
		const { start, members } = windows;
		const largest = `largest %${x} (${start.length - 1} windows, ${members.length} members)`;
		return fn === undefined ? largest : `${nameOf({ fn, ...(parameters && { parameters }) })} of ${largest}`;
	},
	tail: ({ x, fn, axis, keepDims, selectLast, values = [] }) =>
		fn === 'argMax'
			? `argMax %${x} axis ${axis}${keepDims ? ' keepDims' : ''}${selectLast ? ' selectLast' : ''}`
			: fn === 'lookup' || fn === 'select'
				? `${fn} %${x} [${values.join(', ')}]`
				: `${fn} %${x} axis ${axis}`,
};

/**
 * One line a node, then one an output; equal graphs give equal text. Matrices and biases are summarised.
 *
 *     %3 = affine %1 (845x784, 21125 non-zeros) + bias  : [1,5,13,13]  # Conv_0
 *     output "y" = %3  : [1,845]
 */
export const print = (graph: Graph): string =>
	[
		...graph.nodes.map((node, id) => {
			const body = (printers[node.kind] as (node: Node) => string)(node);
			return `%${id} = ${body}  : [${node.shape}]  # ${node.origin}`;
		}),
		...graph.outputs.map(({ name, id, shape }) => `output ${JSON.stringify(name)} = %${id}  : [${shape}]`),
		'',
	].join('\n');

const describe = (matrix: SparseMatrix): string =>
	isIdentity(matrix) ? 'identity' : `${matrix.rows}x${matrix.columns}, ${nonZeros(matrix)} non-zeros`;

/** Six significant digits, without trailing zeros. */
const number = (x: number): string => String(Number(x.toPrecision(6)));
