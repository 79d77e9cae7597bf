import { degreeOf, divide, trim } from '../../numeric/chebyshev.ts';
import { depthOf } from '../depth.ts';
import {
	affine,
	type ChebyshevSeries,
	type CoreKind,
	type Graph,
	GraphBuilder,
	type Id,
	type Node,
	type PolynomialKind,
	type Shape,
	sizeOf,
} from '../graph.ts';
import { diagonal, identity, isIdentity } from '../sparse.ts';
import { rewrite } from './rewrite.ts';

/**
 * Replaces polynomials by affine nodes and products, at the least depth that products allow: a degree d takes
 * ceil(log2(d + 1)) levels after the normalisation of its argument (a diagonal map that `fuse` absorbs into the layer
 * before). Coefficients below 1e-12 of the largest are dropped, so even and odd functions cost less.
 *
 * Degree 1 is an affine node. Degree 2 completes the square, a (x + s)^2 + b: one product between a shift and a scaling
 * that neighbours absorb. Beyond, with V_k = 2 T_k(t), so that V_2k = V_k^2 - 2 and V_(j+k) = V_j V_k - V_(j-k) need no
 * scaling and no level but the product's (and stay in [-2, 2]): divide by the power of two below the degree,
 * p = (q / 2) V_m + r, recursively down to linear combinations of the V_k at hand. Such a combination is one affine
 * node of diagonal matrices, one level; the sum with r costs none, for all factors sit inside q and r. A degree 2^k is
 * made monic instead, p = c ((V_m + q') V_m + r'), m = 2^(k-1): k levels, and a scaling by c that the next layer absorbs.
 * Source: Paterson and Stockmeyer 1973; in the Chebyshev basis Chen, Chillotti, Song (EUROCRYPT 2019).
 */
export const lowerPolynomials = (graph: Graph<PolynomialKind>): Graph<CoreKind> =>
	rewrite<Node<PolynomialKind>, CoreKind>('lower-polynomials', graph, (node, builder) =>
		node.kind === 'polynomial' ? lower(node, builder) : builder.add(node),
	);

/** How many of the first V_k may be computed for linear combinations: more of them, fewer products above. */
const BABY_CHOICES = [1, 3, 7];
/** Completing the square or making monic may make values this much larger than the terms they stand for. */
const MOST_GROWTH = 64;

const lower = (node: Node<'polynomial'>, builder: GraphBuilder<CoreKind>): Id => {
	const best = BABY_CHOICES.map((babies) => ({ babies, cost: costOf(node.series, babies) })).reduce((a, b) =>
		b.cost.depth < a.cost.depth || (b.cost.depth === a.cost.depth && b.cost.products < a.cost.products) ? b : a,
	);
	return new Emitter(builder, node.shape, node.origin, best.babies).series(node.x, node.series);
};

/** Depth and products of the lowering, found by doing it for one element. */
const costOf = (series: ChebyshevSeries, babies: number): { readonly depth: number; readonly products: number } => {
	const builder = new GraphBuilder<CoreKind>();
	const x = builder.add({ kind: 'input', name: 'x', shape: [1], origin: 'x' });
	const id = new Emitter(builder, [1], 'y', babies).series(x, series);
	return {
		depth: depthOf(builder.build([{ name: 'y', id, shape: [1] }])),
		products: builder.nodes.filter(({ kind }) => kind === 'multiply').length,
	};
};

/** A value and the coefficient it is multiplied by. */
type Scaled = readonly [factor: number, id: Id];

/** Emits the nodes of one polynomial; every value is a tensor of one shape. */
class Emitter {
	readonly #builder: GraphBuilder<CoreKind>;
	readonly #shape: Shape;
	readonly #origin: string;
	readonly #babies: number;
	/** V_k by k. */
	readonly #powers = new Map<number, Id>();

	constructor(builder: GraphBuilder<CoreKind>, shape: Shape, origin: string, babies: number) {
		this.#builder = builder;
		this.#shape = shape;
		this.#origin = origin;
		this.#babies = babies;
	}

	/** sum_k c[k] T_k((x - center) / radius). */
	series(x: Id, { center, radius, coefficients }: ChebyshevSeries): Id {
		const c = trim(coefficients);
		const [c0 = 0, c1 = 0, c2 = 0] = c;
		const degree = degreeOf(c);
		if (degree === 0) return this.#combine([], c0);
		if (degree === 1) return this.#combine([[c1 / radius, x]], c0 - (c1 * center) / radius);
		if (degree === 2 && (c1 / (4 * c2)) ** 2 <= MOST_GROWTH) {
			// 2 c2 t^2 + c1 t + c0 - c2 = 2 c2 (t + s)^2 + c0 - c2 - 2 c2 s^2 with s = c1 / (4 c2)
			const s = c1 / (4 * c2);
			const shifted = this.#combine([[1, x]], s * radius - center);
			return this.#combine([[(2 * c2) / radius ** 2, this.#multiply(shifted, shifted)]], c0 - c2 - 2 * c2 * s * s);
		}
		this.#powers.set(1, this.#combine([[2 / radius, x]], (-2 * center) / radius));
		return this.#monic(c, degree) ?? this.#evaluate(c, Math.ceil(Math.log2(degree + 1)));
	}

	/** c ((V_m + q') V_m + r') for degree 2 m = 2^k; undefined when the degree or the growth does not fit. */
	#monic(c: readonly number[], degree: number): Id | undefined {
		const levels = Math.log2(degree);
		const lead = c[degree] as number;
		if (!Number.isInteger(levels) || Math.max(...c.map(Math.abs)) > MOST_GROWTH * Math.abs(lead)) return undefined;
		const m = degree / 2;
		// quotient = 2 lead T_m + low = lead V_m + low, and T_m = V_m / 2
		const { quotient, remainder } = divide(c, m);
		const low = trim(
			quotient.slice(0, m).map((v) => v / lead),
			0,
		);
		const factor = this.#sum(this.#power(m), low, levels - 1);
		const rest = trim(
			remainder.map((v) => (2 * v) / lead),
			0,
		);
		return this.#combine([[lead / 2, this.#sum(this.#multiply(factor, this.#power(m)), rest, levels)]], 0);
	}

	/** sum_k c[k] T_k within `budget` levels of V_1; needs degree(c) < 2^budget. */
	#evaluate(c: readonly number[], budget: number): Id {
		const degree = degreeOf(c);
		if (this.#isLeaf(c, budget)) return this.#leaf(c);
		const m = 2 ** (Math.ceil(Math.log2(degree + 1)) - 1);
		const { quotient, remainder } = divide(c, m);
		const half = quotient.map((v) => v / 2);
		const product =
			degree === m
				? this.#combine([[half[0] as number, this.#power(m)]], 0)
				: this.#multiply(this.#evaluate(half, budget - 1), this.#power(m));
		return this.#sum(product, trim(remainder, 0), budget);
	}

	/** Is every T_k of c a power at hand, low enough for one more level? */
	#isLeaf(c: readonly number[], budget: number): boolean {
		const allowed = (k: number): boolean =>
			(k <= this.#babies || this.#powers.has(k)) && Math.ceil(Math.log2(k)) + 1 <= budget;
		return c.every((v, k) => k === 0 || v === 0 || allowed(k));
	}

	#leaf(c: readonly number[]): Id {
		const terms = c.flatMap((v, k): Scaled[] => (k === 0 || v === 0 ? [] : [[v / 2, this.#power(k)]]));
		return this.#combine(terms, c[0] ?? 0);
	}

	/** x + sum_k c[k] T_k, the polynomial within `budget` levels. */
	#sum(x: Id, c: readonly number[], budget: number): Id {
		if (degreeOf(c) === 0) return this.#combine([[1, x]], c[0] ?? 0);
		return this.#combine(
			[
				[1, x],
				[1, this.#evaluate([0, ...c.slice(1)], budget)],
			],
			c[0] ?? 0,
		);
	}

	/** V_k at depth ceil(log2 k): V_2j = V_j^2 - 2, V_(2j+1) = V_j V_(j+1) - V_1. */
	#power(k: number): Id {
		const known = this.#powers.get(k);
		if (known !== undefined) return known;
		const product = this.#multiply(this.#power(Math.floor(k / 2)), this.#power(Math.ceil(k / 2)));
		const id =
			k % 2 === 0
				? this.#combine([[1, product]], -2)
				: this.#combine(
						[
							[1, product],
							[-1, this.#power(1)],
						],
						0,
					);
		this.#powers.set(k, id);
		return id;
	}

	#multiply(a: Id, b: Id): Id {
		return this.#builder.add({ kind: 'multiply', a, b, shape: this.#shape, origin: this.#origin });
	}

	/** The affine node sum of factor * x, plus a constant. */
	#combine(terms: readonly Scaled[], constant: number): Id {
		const size = sizeOf(this.#shape);
		const matrices = terms.map(([factor, x]) => ({
			x,
			matrix: factor === 1 ? identity(size) : diagonal(new Float64Array(size).fill(factor)),
		}));
		const [first] = matrices;
		if (constant === 0 && matrices.length === 1 && first !== undefined && isIdentity(first.matrix)) return first.x;
		return this.#builder.add(affine(matrices, new Float64Array(size).fill(constant), this.#shape, this.#origin));
	}
}
