import type { Id, SlotBuilder } from '../../slots/circuit.ts';
import type { SparseMatrix } from '../../tensor/sparse.ts';
import { NEXT_TO_NOTHING } from './diagonals.ts';

/**
 * y_i = sum over terms of sum_j M_term[i, j] x_term,j with one element in each ciphertext (v = 1, as many samples as slots).
 * `operands[term][j]` is element j. Cost: one product with a number for each non-zero, no rotation, no key, one level; rows of
 * which all entries are 1 or -1 are sums, without products and levels.
 */
export const recordRows = (
	builder: SlotBuilder,
	matrices: readonly SparseMatrix[],
	operands: readonly (readonly Id[])[],
): readonly Id[] =>
	Array.from({ length: matrices[0]?.rows ?? 0 }, (_, row) => {
		const weights = weightsOf(row, matrices, operands);
		return isSum(weights)
			? signedSum(builder, weights)
			: builder.combine([...weights.keys()], Float64Array.from(weights.values()));
	});

/** The non-zero entries of a row by the value they multiply. */
const weightsOf = (
	row: number,
	matrices: readonly SparseMatrix[],
	operands: readonly (readonly Id[])[],
): ReadonlyMap<Id, number> => {
	const weights = new Map<Id, number>();
	matrices.forEach(({ rowStart, columnOf, values }, term) => {
		for (let k = rowStart[row] as number; k < (rowStart[row + 1] as number); k++) {
			const x = operands[term]?.[columnOf[k] as number] as Id;
			const weight = (weights.get(x) ?? 0) + (values[k] as number);
			if (weight === 0) weights.delete(x);
			else weights.set(x, weight);
		}
	});
	if (weights.size === 0) weights.set(operands[0]?.[0] as Id, NEXT_TO_NOTHING);
	return weights;
};

const isSum = (weights: ReadonlyMap<Id, number>): boolean => {
	const all = [...weights.values()];
	return all.includes(1) && all.every((weight) => weight === 1 || weight === -1);
};

/** x + x' - x'' ...: begins with a positive term. */
const signedSum = (builder: SlotBuilder, weights: ReadonlyMap<Id, number>): Id => {
	const ids = (sign: number): readonly Id[] => [...weights].flatMap(([id, weight]) => (weight === sign ? [id] : []));
	const sum = ids(1).reduce((a, b) => builder.add(a, b));
	return ids(-1).reduce((a, b) => builder.subtract(a, b), sum);
};
