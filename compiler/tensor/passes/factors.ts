import type { BodyKind, Graph, Id } from '../graph.ts';
import { operandsOf } from '../graph.ts';
import type { SparseMatrix } from '../sparse.ts';

/** What a value is multiplied with: element r of `by` meets the elements in row r of the matrix, or without one element r. */
export type Factor = { readonly by: Id; readonly matrix?: SparseMatrix };

/**
 * The factors that a value meets, itself or moved by an affine map, when it is read for nothing else and they are
 * computed before it; else none. An error of the value then counts as much as they make of it.
 */
export const factorsOf = ({ nodes, outputs }: Graph<BodyKind>, id: Id): readonly Factor[] => {
	const read = (x: Id, matrix?: SparseMatrix): readonly Factor[] | undefined => {
		if (outputs.some((output) => output.id === x)) return undefined;
		const factors: Factor[] = [];
		for (const [reader, node] of nodes.entries()) {
			if (!operandsOf(node).includes(x)) continue;
			if (node.kind === 'multiply' && node.a !== node.b) {
				const by = node.a === x ? node.b : node.a;
				if (by > id) return undefined;
				factors.push(matrix === undefined ? { by } : { by, matrix });
			} else {
				const moved = node.kind === 'affine' && matrix === undefined ? node.terms : [];
				const inner = moved[0] !== undefined && moved.length === 1 ? read(reader, moved[0].matrix) : undefined;
				if (inner === undefined) return undefined;
				factors.push(...inner);
			}
		}
		return factors;
	};
	return read(id) ?? [];
};

/** For every element, the sum of the squares of what it is multiplied with; `at` gives a factor's elements. */
export const squaresOf = (factors: readonly Factor[], size: number, at: (id: Id) => Float64Array): Float64Array => {
	const squares = new Float64Array(size);
	for (const { by, matrix } of factors)
		at(by).forEach((factor, row) => {
			const [start, end] = matrix === undefined ? [row, row + 1] : matrix.rowStart.subarray(row, row + 2);
			for (let k = start as number; k < (end as number); k++) {
				const [column, value] =
					matrix === undefined ? [row, 1] : [matrix.columnOf[k] as number, matrix.values[k] as number];
				squares[column] = (squares[column] as number) + (factor * value) ** 2;
			}
		});
	return squares;
};
