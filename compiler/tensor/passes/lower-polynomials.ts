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
	sizeOf,
} from '../graph.ts';
import { diagonal, isIdentity } from '../sparse.ts';
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
 * made monic instead, p = c ((V_m + q') V_m + r') + c0, m = 2^(k-1): k levels, and a scaling by c that the next layer absorbs.
 * Channels with polynomials of their own share one circuit, at the depth and with the products of one polynomial that has
 * every coefficient that any of them has: a factor becomes a diagonal matrix with a number for each channel.
 * Source: Paterson and Stockmeyer 1973; in the Chebyshev basis Chen, Chillotti, Song (EUROCRYPT 2019).
 */
export const lowerPolynomials = (graph: Graph<PolynomialKind>): Graph<CoreKind> =>
	rewrite<Node<PolynomialKind>, CoreKind>('lower-polynomials', graph, (node, builder) =>
		node.kind === 'polynomial' ? lower(node, builder) : builder.add(node),
	);

/** How many of the first V_k may be computed for linear combinations: more of them, fewer products above. */
const BABY_CHOICES = [1, 3, 7, 15];
/** Making monic may make values this much larger than the terms they stand for. */
export const MOST_GROWTH = 64;
/** Completing the square may shift by this many radii. */
export const MOST_SHIFT = 8;

const lower = (node: Node<'polynomial'>, builder: GraphBuilder<CoreKind>): Id => {
	const best = BABY_CHOICES.map((babies) => ({ babies, cost: costOf(node.series, babies) })).reduce((a, b) =>
		b.cost.depth < a.cost.depth || (b.cost.depth === a.cost.depth && b.cost.products < a.cost.products) ? b : a,
	);
	return new Emitter(builder, node, best.babies).series(node.x, node.series);
};

/** Depth and products of the lowering, found by doing it for one element of each channel. */
const costOf = (
	series: readonly ChebyshevSeries[],
	babies: number,
): { readonly depth: number; readonly products: number } => {
	const builder = new GraphBuilder<CoreKind>();
	const shape = [series.length];
	const x = builder.add({ kind: 'input', name: 'x', shape, origin: 'x' });
	const id = new Emitter(builder, { shape, origin: 'y', inner: 1 }, babies).series(x, series);
	return {
		depth: depthOf(builder.build([{ name: 'y', id, shape }])),
		products: builder.nodes.filter(({ kind }) => kind === 'multiply').length,
	};
};

/** One number for each channel, or one for all. */
type Channels = readonly number[];
const ONE: Channels = [1];
const ZERO: Channels = [0];
const isZero = (values: Channels): boolean => values.every((v) => v === 0);

/** The coefficients of a polynomial for each channel. */
type Rows = readonly (readonly number[])[];
/** Coefficient k of every channel. */
const column = (rows: Rows, k: number): Channels => rows.map((c) => c[k] ?? 0);
/** The largest degree of a channel. */
const degreeOfAll = (rows: Rows): number => Math.max(...rows.map(degreeOf));
/** a / b, and 0 where a is 0. */
const ratio = (a: number, b: number): number => (a === 0 ? 0 : a / b);
/** The polynomials without their constants. */
const withoutConstant = (rows: Rows): Rows => rows.map(([, ...others]) => [0, ...others]);

/** A value and what it is multiplied by. */
type Scaled = readonly [factor: Channels, id: Id];

/**
 * Emits the nodes of one polynomial for each channel; every value is a tensor of one shape. All channels share one
 * circuit: what is zero in some of them only is a factor 0 there, and what would blow up in one is done in none.
 */
class Emitter {
	readonly #builder: GraphBuilder<CoreKind>;
	readonly #place: Pick<Node<'polynomial'>, 'shape' | 'origin' | 'inner'>;
	readonly #babies: number;
	/** V_k by k. */
	readonly #powers = new Map<number, Id>();

	constructor(
		builder: GraphBuilder<CoreKind>,
		place: Pick<Node<'polynomial'>, 'shape' | 'origin' | 'inner'>,
		babies: number,
	) {
		this.#builder = builder;
		this.#place = place;
		this.#babies = babies;
	}

	/** sum_k c[k] T_k((x - center) / radius) in every channel. */
	series(x: Id, series: readonly ChebyshevSeries[]): Id {
		const rows = series.map(({ coefficients }) => trim(coefficients));
		const degree = degreeOfAll(rows);
		if (degree === 0) return this.#combine([], column(rows, 0));
		if (degree === 1) {
			const constants = series.map(
				({ center, radius }, i) => (rows[i]?.[0] ?? 0) - ((rows[i]?.[1] ?? 0) * center) / radius,
			);
			return this.#combine([[series.map(({ radius }, i) => (rows[i]?.[1] ?? 0) / radius), x]], constants);
		}
		const square = degree === 2 ? this.#square(x, series, rows) : undefined;
		if (square !== undefined) return square;
		const factor = series.map(({ radius }) => 2 / radius);
		const shift = series.map(({ center, radius }) => (-2 * center) / radius);
		this.#powers.set(1, this.#combine([[factor, x]], shift));
		return this.#monic(rows, degree) ?? this.#evaluate(rows, Math.ceil(Math.log2(degree + 1)));
	}

	/**
	 * 2 c2 t^2 + c1 t + c0 - c2 = 2 c2 (t + s)^2 + c0 - c2 - 2 c2 s^2 with s = c1 / (4 c2); undefined when a shift is
	 * too large for that.
	 */
	#square(x: Id, series: readonly ChebyshevSeries[], rows: Rows): Id | undefined {
		const shifts = rows.map(([, c1 = 0, c2 = 0]) => ratio(c1, 4 * c2));
		if (shifts.some((s) => Math.abs(s) > MOST_SHIFT)) return undefined;
		const shifted = this.#combine(
			[[ONE, x]],
			series.map(({ center, radius }, i) => (shifts[i] as number) * radius - center),
		);
		return this.#combine(
			[[series.map(({ radius }, i) => (2 * (rows[i]?.[2] ?? 0)) / radius ** 2), this.#multiply(shifted, shifted)]],
			rows.map(([c0 = 0, , c2 = 0], i) => c0 - c2 - 2 * c2 * (shifts[i] as number) ** 2),
		);
	}

	/** c ((V_m + q') V_m + r') + c0 for degree 2 m = 2^k; undefined when the degree or the growth does not fit. */
	#monic(rows: Rows, degree: number): Id | undefined {
		const levels = Math.log2(degree);
		const leads = column(rows, degree);
		const isTooLarge = (c: readonly number[], i: number): boolean =>
			c.some((v) => Math.abs(v) > MOST_GROWTH * Math.abs(leads[i] as number));
		if (!Number.isInteger(levels)) return undefined;
		// A channel that is constant, and so has no leading coefficient, needs none: its factor is 0.
		const others = withoutConstant(rows);
		if (others.some(isTooLarge)) return undefined;
		const m = degree / 2;
		// quotient = 2 lead T_m + low = lead V_m + low, and T_m = V_m / 2
		const parts = others.map((c) => divide(padded(c, degree), m));
		const low = parts.map(({ quotient }, i) => quotient.slice(0, m).map((v) => ratio(v, leads[i] as number)));
		const rest = parts.map(({ remainder }, i) => remainder.map((v) => ratio(2 * v, leads[i] as number)));
		const factor = this.#sum(this.#power(m), low, levels - 1);
		const monic = this.#sum(this.#multiply(factor, this.#power(m)), rest, levels);
		return this.#combine([[leads.map((lead) => lead / 2), monic]], column(rows, 0));
	}

	/** sum_k c[k] T_k within `budget` levels of V_1; needs degrees below 2^budget. */
	#evaluate(rows: Rows, budget: number): Id {
		const degree = degreeOfAll(rows);
		if (this.#isLeaf(rows, budget)) return this.#leaf(rows);
		const m = 2 ** (Math.ceil(Math.log2(degree + 1)) - 1);
		const parts = rows.map((c) => divide(padded(c, degree), m));
		const half = parts.map(({ quotient }) => quotient.map((v) => v / 2));
		const product =
			degree === m
				? this.#combine([[column(half, 0), this.#power(m)]], ZERO)
				: this.#multiply(this.#evaluate(half, budget - 1), this.#power(m));
		return this.#sum(
			product,
			parts.map(({ remainder }) => remainder),
			budget,
		);
	}

	/** Is every T_k of some channel a power at hand, low enough for one more level? */
	#isLeaf(rows: Rows, budget: number): boolean {
		const allowed = (k: number): boolean =>
			(k <= this.#babies || this.#powers.has(k)) && Math.ceil(Math.log2(k)) + 1 <= budget;
		return rows.every((c) => c.every((v, k) => k === 0 || v === 0 || allowed(k)));
	}

	#leaf(rows: Rows): Id {
		const terms = Array.from({ length: degreeOfAll(rows) }, (_, i) => i + 1).flatMap((k): Scaled[] => {
			const factors = column(rows, k);
			return isZero(factors) ? [] : [[factors.map((v) => v / 2), this.#power(k)]];
		});
		return this.#combine(terms, column(rows, 0));
	}

	/** x + sum_k c[k] T_k, the polynomial within `budget` levels. */
	#sum(x: Id, rows: Rows, budget: number): Id {
		const terms: Scaled[] = [[ONE, x]];
		if (degreeOfAll(rows) > 0) terms.push([ONE, this.#evaluate(withoutConstant(rows), budget)]);
		return this.#combine(terms, column(rows, 0));
	}

	/** V_k at depth ceil(log2 k): V_2j = V_j^2 - 2, V_(2j+1) = V_j V_(j+1) - V_1. */
	#power(k: number): Id {
		const known = this.#powers.get(k);
		if (known !== undefined) return known;
		const product = this.#multiply(this.#power(Math.floor(k / 2)), this.#power(Math.ceil(k / 2)));
		const id =
			k % 2 === 0
				? this.#combine([[ONE, product]], [-2])
				: this.#combine(
						[
							[ONE, product],
							[[-1], this.#power(1)],
						],
						ZERO,
					);
		this.#powers.set(k, id);
		return id;
	}

	#multiply(a: Id, b: Id): Id {
		const { shape, origin } = this.#place;
		return this.#builder.add({ kind: 'multiply', a, b, shape, origin });
	}

	/** The affine node sum of factor * x, plus a constant. */
	#combine(terms: readonly Scaled[], constants: Channels): Id {
		const matrices = terms.map(([factors, x]) => ({ x, matrix: diagonal(this.#spread(factors)) }));
		const [first] = matrices;
		const isSame = isZero(constants) && matrices.length === 1;
		if (isSame && first !== undefined && isIdentity(first.matrix)) return first.x;
		return this.#builder.add(affine(matrices, this.#spread(constants), this.#place.shape, this.#place.origin));
	}

	/** The number of its channel for each element. */
	#spread(values: Channels): Float64Array {
		const { shape, inner } = this.#place;
		return Float64Array.from({ length: sizeOf(shape) }, (_, e) => values[Math.floor(e / inner) % values.length] ?? 0);
	}
}

/** Coefficients up to `degree`. */
const padded = (c: readonly number[], degree: number): number[] =>
	Array.from({ length: degree + 1 }, (_, k) => c[k] ?? 0);
