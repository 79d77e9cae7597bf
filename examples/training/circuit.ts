import {
	add,
	constant,
	type Expression,
	encrypted,
	mul,
	square,
	sub,
	sum,
	type Traced,
	trace,
} from '../../compiler/index.ts';
import { type Settings, SIGMOID } from './settings.ts';

/** What is trained on: rows y_i (x_i, 1) with y_i = 1 or -1, row-major; rows and columns are powers of two, with zeros behind. */
export type Layout = { readonly rows: number; readonly columns: number };

/** By which numbers v and w are divided. */
export type Scales = { readonly v: number; readonly w: number };

/**
 * By which numbers v and w are divided where iteration k of a round begins. With these,
 *
 *     v' = (1 + m) (v + s) - m w    is    v'/a' = v/a - w/b + s/a    for a' = (1 + m) a, b = a' / m:
 *
 * sums of ciphertexts, so that the momentum takes no level. w' = v + s takes one, which is used an iteration later only; the
 * last of a round goes out as it is.
 */
const scales = ({ momentum }: Settings, k: number): Scales => ({
	v: (1 + momentum) ** k,
	w: (1 + momentum) ** (k + 1) / momentum,
});

/** By which numbers v and w are divided when they go into a round, and when they come out of it. */
export const scalesOf = (settings: Settings, iterations: number): { readonly into: Scales; readonly out: Scales } => ({
	into: scales(settings, 0),
	out: { v: scales(settings, iterations).v, w: scales(settings, iterations - 1).v },
});

type State = { readonly v: Expression; readonly w: Expression };

/**
 * One iteration. With z_i = sum_j X_ij v_j, the score of a row times its label, the step is
 *
 *     s_j = rate / n sum_i X_ij sigmoid(-z_i),    sigmoid(-z) = 1/2 - c1 z - c3 z^3 - c5 z^5
 *
 * The polynomial is taken apart as r z ((r^2 z^2 + p)^2 + q) with r^5 = -c5 rate / (n a), a the scale of v: r is what the mask multiplies the
 * scores by, and the step comes out in the scale where it is added. Cost: 5 levels, of which the products with X are two, the
 * mask that spreads a score over its row is one and the squares are two.
 */
const iteration = (X: Expression, { v, w }: State, settings: Settings, k: number, isLast: boolean): State => {
	const [c1, c3, c5] = SIGMOID;
	const at = scales(settings, k);
	const share = settings.rate / settings.rows / at.v;
	const r = -((share * c5) ** (1 / 5));
	const p = (-share * c3) / (2 * r ** 3);
	const q = (-share * c1) / r - p ** 2;
	const columns = X.shape[2] ?? 1;
	const scores = sum(mul(X, v), { axes: [2], keepAxes: true });
	const scaled = mul(scores, constant([1, 1, columns], new Float64Array(columns).fill(r * at.v)));
	const even = add(square(add(square(scaled), p)), q);
	const parts = add(mul(mul(scaled, X), even), mul(X, share / 2));
	const step = sum(parts, { axes: [1], keepAxes: true });
	const moved = add(v, step);
	return { v: add(sub(v, w), step), w: isLast ? moved : mul(moved, at.v / scales(settings, k + 1).w) };
};

/**
 * The program of a round: X [1, rows, columns] and the state v, w [1, 1, columns] in, the state after `iterations` out, all
 * encrypted, divided by what `scalesOf` says.
 */
export const trainingCircuit = ({ rows, columns }: Layout, settings: Settings, iterations: number): Traced =>
	trace(
		({ X, v, w }) => {
			let state: State = { v, w };
			for (let k = 0; k < iterations; k++) state = iteration(X, state, settings, k, k + 1 === iterations);
			return { next_v: state.v, next_w: state.w };
		},
		{ X: encrypted([1, rows, columns]), v: encrypted([1, 1, columns]), w: encrypted([1, 1, columns]) },
		{ name: 'training' },
	);
