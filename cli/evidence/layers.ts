import { evaluateAll } from '../../compiler/tensor/evaluate.ts';
import { type Graph, type Id, type Node, sizeOf } from '../../compiler/tensor/graph.ts';
import { Differences } from './errors.ts';

/** How far the polynomials have led away from the model by a layer. */
export type LayerError = {
	readonly origin: string;
	readonly kind: Node['kind'];
	/** rms(polynomial - exact) / rms(exact - mean(exact)), over all elements of all samples; null where that has no meaning. */
	readonly relativeError: number | null;
};

/** A layer as it is in two graphs of the same model. */
type Pair = { readonly exact: Id; readonly other: Id };

/** Samples that layers are compared on. */
export const LAYER_SAMPLES = 64;

/**
 * Layer by layer, `other` against `exact`: each evaluated on its own values, so errors of earlier layers count. The samples
 * are those of the graphs' inputs. Layers without a counterpart are left out.
 */
export const layerErrors = (
	exact: Graph,
	other: Graph,
	samples: readonly ReadonlyMap<string, Float64Array>[],
): readonly LayerError[] => {
	const pairs = pairsOf(exact, other).map((pair) => ({ ...pair, differences: new Differences() }));
	for (const sample of samples.slice(0, LAYER_SAMPLES)) {
		const [ours, theirs] = [evaluateAll(exact, sample), evaluateAll(other, sample)];
		for (const pair of pairs)
			pair.differences.add(ours[pair.exact] as Float64Array, theirs[pair.other] as Float64Array);
	}
	return pairs.flatMap(({ exact: id, other: otherId, differences }) => {
		const { origin, kind } = exact.nodes[id] as Node;
		const relativeError = differences.relative?.rms ?? null;
		// Nodes of different kinds are the same layer by their name alone: worse than its mean, it is not the same value.
		const doubtful = kindOf(kind) !== kindOf((other.nodes[otherId] as Node).kind) && (relativeError ?? 1) >= 1;
		return doubtful ? [] : [{ origin, kind, relativeError }];
	});
};

/** A function and the polynomial in its place are of one kind. */
const kindOf = (kind: Node['kind']): Node['kind'] => (kind === 'activation' ? 'polynomial' : kind);

/** Nodes of the same origin and size, in order; where one node became several, it is the last of these. */
const pairsOf = (exact: Graph, other: Graph): readonly Pair[] => {
	const [ours, theirs] = [byOrigin(exact), byOrigin(other)];
	const pairs = [...ours].flatMap(([origin, ids]): readonly Pair[] => {
		const others = theirs.get(origin) ?? [];
		const same = (a: Id, b: Id): boolean => sizeAt(exact, a) === sizeAt(other, b);
		if (ids.length === others.length && ids.every((id, i) => same(id, others[i] as Id)))
			return ids.map((id, i) => ({ exact: id, other: others[i] as Id }));
		const [id, last] = [ids[0], others.at(-1)];
		return ids.length === 1 && id !== undefined && last !== undefined && same(id, last)
			? [{ exact: id, other: last }]
			: [];
	});
	return pairs.sort((a, b) => a.exact - b.exact);
};

const byOrigin = ({ nodes }: Graph): ReadonlyMap<string, readonly Id[]> =>
	Map.groupBy(
		[...nodes.keys()].filter((id) => nodes[id]?.kind !== 'input'),
		(id) => nodes[id]?.origin ?? '',
	);

const sizeAt = ({ nodes }: Graph, id: Id): number => sizeOf(nodes[id]?.shape ?? []);
