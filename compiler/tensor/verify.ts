import { InternalError } from '../errors.ts';
import { tailOperandShape } from './evaluate.ts';
import { type Graph, type Kind, type Node, nodeAt, operandsOf, sizeOf, type Windows } from './graph.ts';
import type { SparseMatrix } from './sparse.ts';

type Report = (problem: string) => never;
type Checks = { readonly [P in Kind]: (node: Node<P>, size: (id: number) => number, fail: Report) => void };

/**
 * Throws InternalError unless
 * - every operand is a node before its user, and every dimension a positive integer;
 * - matrices are well formed (rows in order, columns ascending and inside, values finite and not zero), with as many
 *   rows as the node has elements and as many columns as the operand; an operand occurs in one term only; the bias has
 *   as many elements as the node;
 * - elementwise nodes have as many elements as their operands; polynomials are finite on a radius > 0, those of one node
 *   have equally many coefficients, and whole channels make up whole rounds of them;
 * - windows have members, all of the operand and none twice;
 * - a tail's axis lies in its operand's shape;
 * - input names and output names are unique, outputs exist, and an output's shape holds as many elements as its node.
 */
export const verify = (graph: Graph): void => {
	const inputs = new Set<string>();
	graph.nodes.forEach((node, id) => {
		const fail: Report = (problem) => {
			throw new InternalError('tensor verifier', `node ${id} (${node.kind}, ${node.origin}): ${problem}`);
		};
		for (const operand of operandsOf(node))
			if (!Number.isInteger(operand) || operand < 0 || operand >= id) fail(`operand ${operand} is not an earlier node`);
		if (!node.shape.every((d) => Number.isInteger(d) && d > 0)) fail(`shape [${node.shape}] is not positive`);
		if (node.kind === 'input') {
			if (inputs.has(node.name)) fail(`second input named ${node.name}`);
			inputs.add(node.name);
		}
		const check = checks[node.kind] as (node: Node, size: (id: number) => number, fail: Report) => void;
		check(node, (operand) => sizeOf(nodeAt(graph.nodes, operand).shape), fail);
	});
	verifyOutputs(graph);
};

const verifyOutputs = (graph: Graph): void => {
	const names = new Set<string>();
	for (const { name, id, shape } of graph.outputs) {
		const node = graph.nodes[id];
		const problem =
			node === undefined
				? `is node ${id}, which does not exist`
				: sizeOf(shape) !== sizeOf(node.shape)
					? `has shape [${shape}] but its node has [${node.shape}]`
					: names.has(name)
						? 'exists twice'
						: undefined;
		if (problem !== undefined) throw new InternalError('tensor verifier', `output ${name} ${problem}`);
		names.add(name);
	}
};

const checks: Checks = {
	input: () => {},
	affine: ({ terms, bias, shape }, size, fail) => {
		const rows = sizeOf(shape);
		if (bias.length !== rows) fail(`bias has ${bias.length} elements, not ${rows}`);
		if (!bias.every(Number.isFinite)) fail('bias is not finite');
		if (new Set(terms.map(({ x }) => x)).size !== terms.length) fail('two terms on one operand');
		for (const { x, matrix } of terms) {
			if (matrix.rows !== rows || matrix.columns !== size(x))
				fail(`matrix is ${matrix.rows}x${matrix.columns}, not ${rows}x${size(x)}`);
			const problem = matrixProblem(matrix);
			if (problem !== undefined) fail(problem);
		}
	},
	multiply: ({ a, b, shape }, size, fail) => {
		if (size(a) !== sizeOf(shape) || size(b) !== sizeOf(shape))
			fail(`factors have ${size(a)} and ${size(b)} elements, not ${sizeOf(shape)}`);
	},
	polynomial: ({ x, series, inner, shape }, size, fail) => {
		if (size(x) !== sizeOf(shape)) fail(`operand has ${size(x)} elements, not ${sizeOf(shape)}`);
		if (series.length === 0) fail('no series');
		if (!(Number.isInteger(inner) && inner > 0)) fail(`channels of ${inner} elements`);
		if (series.length > 1 && sizeOf(shape) % (series.length * inner) !== 0)
			fail(`${series.length} channels of ${inner} elements do not make up ${sizeOf(shape)}`);
		for (const { center, radius, coefficients } of series) {
			if (!(radius > 0 && Number.isFinite(radius))) fail(`radius ${radius} is not positive`);
			if (!Number.isFinite(center)) fail(`center ${center} is not finite`);
			if (coefficients.length === 0 || !coefficients.every(Number.isFinite))
				fail(`coefficients [${coefficients}] are empty or not finite`);
			if (coefficients.length !== series[0]?.coefficients.length)
				fail(`series of ${series[0]?.coefficients.length} and ${coefficients.length} coefficients`);
		}
	},
	activation: ({ x, shape }, size, fail) => {
		if (size(x) !== sizeOf(shape)) fail(`operand has ${size(x)} elements, not ${sizeOf(shape)}`);
	},
	pooled: ({ x, windows, shape }, size, fail) => {
		const problem = windowsProblem(windows, sizeOf(shape), size(x));
		if (problem !== undefined) fail(problem);
	},
	tail: (node, size, fail) => {
		const operandShape = tailOperandShape(node, size(node.x));
		if (!Number.isInteger(node.axis) || node.axis < 0 || node.axis >= operandShape.length)
			fail(`axis ${node.axis} is outside [${operandShape}]`);
		if (!operandShape.every(Number.isInteger) || sizeOf(operandShape) !== size(node.x))
			fail(`operand of ${size(node.x)} elements does not fit [${operandShape}]`);
		if (node.fn === 'select' && !isSelection(node, size(node.x))) fail(`[${node.values}] selects what is not there`);
		if (node.fn === 'argMax' && node.keepDims && node.shape[node.axis] !== 1) fail('keepDims but the axis is not 1');
	},
};

/** What is wrong with `count` windows on `columns` elements. */
const windowsProblem = ({ start, members }: Windows, count: number, columns: number): string | undefined => {
	if (start.length !== count + 1 || start[0] !== 0 || start[count] !== members.length)
		return `there are not ${count} windows`;
	const lastWindow = new Int32Array(columns).fill(-1);
	for (let i = 0; i < count; i++) {
		if ((start[i + 1] as number) <= (start[i] as number)) return `window ${i} is empty`;
		for (let k = start[i] as number; k < (start[i + 1] as number); k++) {
			const member = members[k] as number;
			if (!(member >= 0 && member < columns)) return `window ${i} has member ${member} of ${columns}`;
			if (lastWindow[member] === i) return `window ${i} has member ${member} twice`;
			lastWindow[member] = i;
		}
	}
	return undefined;
};

const isSelection = ({ values = [], shape }: Node<'tail'>, size: number): boolean =>
	values.length === sizeOf(shape) && values.every((from) => Number.isInteger(from) && from >= 0 && from < size);

/** What is wrong with the stored form of a matrix, if anything. */
const matrixProblem = ({ rows, columns, rowStart, columnOf, values }: SparseMatrix): string | undefined => {
	if (rowStart.length !== rows + 1 || rowStart[0] !== 0) return 'matrix has broken row starts';
	if (rowStart[rows] !== values.length || columnOf.length !== values.length) return 'matrix has a broken length';
	for (let i = 0; i < rows; i++) {
		const start = rowStart[i] as number;
		const end = rowStart[i + 1] as number;
		if (end < start) return `matrix row ${i} ends before it starts`;
		for (let k = start; k < end; k++) {
			const column = columnOf[k] as number;
			if (column < 0 || column >= columns) return `matrix row ${i} has column ${column} of ${columns}`;
			if (k > start && column <= (columnOf[k - 1] as number)) return `matrix row ${i} is not ascending`;
			if (!Number.isFinite(values[k]) || values[k] === 0) return `matrix row ${i} holds ${values[k]}`;
		}
	}
	return undefined;
};
