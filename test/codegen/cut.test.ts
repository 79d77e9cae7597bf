import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Cut } from '../../compiler/codegen/cut.ts';

type Edge = readonly [from: number, to: number, capacity: number];

/** Nodes 0 ... n - 1, the source n and the sink n + 1. */
const NODES = 6;
const edges = fc.array(
	fc
		.tuple(fc.nat(NODES), fc.nat(NODES), fc.oneof(fc.nat(9), fc.constant(Number.POSITIVE_INFINITY)))
		.map(([u, v, capacity]): Edge => [u, v === NODES ? NODES + 1 : v, capacity]),
	{ maxLength: 18 },
);

const costOf = (all: readonly Edge[], side: readonly boolean[]): number => {
	const on = (node: number): boolean => (node >= NODES ? node === NODES : side[node] === true);
	return all.reduce((sum, [u, v, capacity]) => (on(u) && !on(v) ? sum + capacity : sum), 0);
};

test('no choice of sides costs less than the one that is found, and none as cheap has fewer on the side of the source', () => {
	const sides = Array.from({ length: 2 ** NODES }, (_, bits) =>
		Array.from({ length: NODES }, (_, k) => ((bits >> k) & 1) === 1),
	);
	const property = fc.property(edges, (all) => {
		const least = Math.min(...sides.map((side) => costOf(all, side)));
		if (!Number.isFinite(least)) return;
		const cut = new Cut(NODES);
		for (const [u, v, capacity] of all) cut.edge(u, v, capacity);
		const found = cut.solve();
		assert.is(costOf(all, found), least);
		const size = (side: readonly boolean[]): number => side.filter(Boolean).length;
		const fewest = Math.min(...sides.filter((side) => costOf(all, side) === least).map(size));
		assert.is(size(found), fewest);
	});
	fc.assert(property, { numRuns: 500 });
});

test.run();
