import { refuse } from '../errors.ts';
import { GraphBuilder, type Id, type Node } from '../tensor/graph.ts';
import { nonZeros } from '../tensor/sparse.ts';
import type { Value } from './value.ts';

/** Bytes that constants and linear maps may take together while a model is imported: with what one more operation takes, below 1 GB. */
const MAX_BYTES = 640_000_000;

/** Bytes of a node: a thousand for itself, 12 for each entry of a matrix, 4 for a row or a member of a window, 8 for an element of the bias. */
const bytesOf = (node: Node): number =>
	1000 +
	(node.kind === 'affine'
		? node.terms.reduce((sum, { matrix }) => sum + 12 * nonZeros(matrix) + 4 * matrix.rows, node.bias.byteLength)
		: node.kind === 'pooled'
			? node.windows.start.byteLength + node.windows.members.byteLength
			: 0);

/**
 * What an import holds, counted as it grows: operations that are small enough each may still be too many. Constants that share
 * their data count once.
 */
export class Budget {
	#bytes = 0;
	readonly #counted = new WeakSet<Float64Array>();

	get isExceeded(): boolean {
		return this.#bytes > MAX_BYTES;
	}

	/** Counts constants, each list of data once. Errors: 'size' beyond MAX_BYTES. */
	addValues(values: readonly Value[]): void {
		for (const value of values) {
			if (value.kind !== 'constant' || this.#counted.has(value.data)) continue;
			this.#counted.add(value.data);
			this.#add(value.data.byteLength);
		}
	}

	/** Counts a node. Errors: 'size' beyond MAX_BYTES. */
	addNode(node: Node): void {
		this.#add(bytesOf(node));
	}

	#add(bytes: number): void {
		this.#bytes += bytes;
		if (this.isExceeded)
			refuse({
				code: 'size',
				message: `With this operation, constants and linear maps take ${Math.round(this.#bytes / 1e6)} MB; at most ${MAX_BYTES / 1e6} MB are compiled.`,
				hint: 'Use smaller inputs, fewer channels or larger strides, or split the model.',
			});
	}
}

/** Counts every node as it is added, so that one operation of many nodes stops in the middle. */
export class BudgetedBuilder extends GraphBuilder {
	readonly #budget: Budget;

	constructor(budget: Budget) {
		super();
		this.#budget = budget;
	}

	override add(node: Node): Id {
		const before = this.nodes.length;
		const id = super.add(node);
		if (this.nodes.length > before) this.#budget.addNode(node);
		return id;
	}
}
