import type { CkksCircuit, Id, Op } from './circuit.ts';

/** Products with plaintexts that are formed only where they are added: by the sum, the product and what it is added to. */
export type Fusion = { readonly product: Op<'multiplyPlain'>; readonly other: Id };
export type Fusions = {
	readonly bySum: ReadonlyMap<Id, Fusion>;
	readonly products: ReadonlySet<Id>;
};

/**
 * Sums one of whose operands is a product with a plaintext that nothing else reads: two loops over the slots become one, and
 * the product needs no vector. `wanted` values are not fused away.
 */
export const fusionsOf = (
	{ ops, constants }: CkksCircuit,
	operands: readonly (readonly Id[])[],
	wanted: ReadonlySet<Id>,
): Fusions => {
	const readers = new Int32Array(ops.length);
	for (const read of operands) for (const id of read) readers[id] = (readers[id] as number) + 1;
	const bySum = new Map<Id, Fusion>();
	const products = new Set<Id>();
	ops.forEach((op, id) => {
		if (op.kind !== 'add') return;
		for (const [term, other] of [
			[op.b, op.a],
			[op.a, op.b],
		] as const) {
			const product = ops[term] as Op;
			if (product.kind !== 'multiplyPlain' || constants[product.constant]?.plain === 'ones') continue;
			if (readers[term] !== 1 || wanted.has(term) || products.has(other)) continue;
			bySum.set(id, { product, other });
			products.add(term);
			return;
		}
	});
	return { bySum, products };
};

/** No fusion at all. */
export const UNFUSED: Fusions = { bySum: new Map(), products: new Set() };
