/** Sums over observations, each of `features` f and of residuals e of several targets. All that a least squares fit needs. */
export type Moments = {
	/** Sum of f f^T: [features, features] row-major, the lower triangle. */
	readonly gram: Float64Array;
	/** Sum of e f for every target: [targets, features]. */
	readonly cross: Float64Array;
	/** Sum of e^2 for every target. */
	readonly energy: Float64Array;
};

/** Observations that `observe` takes at once: each pass over the sums then serves four of them. */
export const BATCH = 4;

export const emptyMoments = (features: number, targets: number): Moments => ({
	gram: new Float64Array(features * features),
	cross: new Float64Array(targets * features),
	energy: new Float64Array(targets),
});

/**
 * Adds BATCH observations; those that are all zero count for nothing. f: [BATCH, features], e: [BATCH, targets].
 * Cost: BATCH features (features / 2 + targets).
 */
export const observe = ({ gram, cross, energy }: Moments, f: Float64Array, e: Float64Array): void => {
	const features = f.length / BATCH;
	const targets = e.length / BATCH;
	for (let p = 0; p < features; p++) addScaled(gram, p * features, p + 1, f, features, f, p, features);
	for (let t = 0; t < targets; t++) {
		addScaled(cross, t * features, features, f, features, e, t, targets);
		for (let k = t; k < e.length; k += targets) energy[t] = (energy[t] as number) + (e[k] as number) ** 2;
	}
};

/** sums[start + q] += sum over k < BATCH of factors[at + k step] f[k width + q], for q < count. */
const addScaled = (
	sums: Float64Array,
	start: number,
	count: number,
	f: Float64Array,
	width: number,
	factors: Float64Array,
	at: number,
	step: number,
): void => {
	const [a, b] = [factors[at] as number, factors[at + step] as number];
	const [c, d] = [factors[at + 2 * step] as number, factors[at + 3 * step] as number];
	if (a === 0 && b === 0 && c === 0 && d === 0) return;
	for (let q = 0; q < count; q++)
		sums[start + q] =
			(sums[start + q] as number) +
			a * (f[q] as number) +
			b * (f[width + q] as number) +
			c * (f[2 * width + q] as number) +
			d * (f[3 * width + q] as number);
};

/** sum over k < n of a[i + k] b[j + k]. */
const dot = (a: Float64Array, i: number, b: Float64Array, j: number, n: number): number => {
	let sum = 0;
	for (let k = 0; k < n; k++) sum += (a[i + k] as number) * (b[j + k] as number);
	return sum;
};

/**
 * x = L^(-1) x in place, for the m numbers from x[at] on and the first m rows of L: [n, n] row-major, lower triangular.
 * Four rows at a time, so that no sum waits for itself and each x is read once for all four. Cost m^2 / 2.
 */
const forward = (l: Float64Array, n: number, m: number, x: Float64Array, at: number): void => {
	let i = 0;
	for (; i + 3 < m; i += 4) {
		const [p, q, r, s] = [i * n, (i + 1) * n, (i + 2) * n, (i + 3) * n];
		let a = x[at + i] as number;
		let b = x[at + i + 1] as number;
		let c = x[at + i + 2] as number;
		let d = x[at + i + 3] as number;
		for (let k = 0; k < i; k++) {
			const value = x[at + k] as number;
			a -= value * (l[p + k] as number);
			b -= value * (l[q + k] as number);
			c -= value * (l[r + k] as number);
			d -= value * (l[s + k] as number);
		}
		x[at + i] = a;
		x[at + i + 1] = b;
		x[at + i + 2] = c;
		x[at + i + 3] = d;
		for (let k = i; k < i + 4; k++)
			x[at + k] = ((x[at + k] as number) - dot(l, k * n + i, x, at + i, k - i)) / (l[k * n + k] as number);
	}
	for (; i < m; i++) x[at + i] = ((x[at + i] as number) - dot(l, i * n, x, at, i)) / (l[i * n + i] as number);
};

/** x = L^(-T) x in place, for the n numbers from x[at] on. Cost n^2 / 2. */
const backward = (l: Float64Array, n: number, x: Float64Array, at: number): void => {
	for (let i = n - 1; i >= 0; i--) {
		const row = i * n;
		const value = (x[at + i] as number) / (l[row + i] as number);
		for (let j = 0; j < i; j++) x[at + j] = (x[at + j] as number) - value * (l[row + j] as number);
		x[at + i] = value;
	}
};

/**
 * The lower triangular L with L L^T = A, row by row in the place of A (Cholesky-Banachiewicz: row i of L is what
 * substitution by the rows before it makes of row i of A). A: [n, n] row-major, symmetric; only its lower triangle is read
 * and written. False, and A spoilt, where A is not positive definite. Backward stable whatever the scales of the rows.
 * Cost n^3 / 6.
 */
export const cholesky = (a: Float64Array, n: number): boolean => {
	for (let i = 0; i < n; i++) {
		const row = i * n;
		forward(a, n, i, a, row);
		const square = (a[row + i] as number) - dot(a, row, a, row, i);
		if (!(square > 0 && square < Number.POSITIVE_INFINITY)) return false;
		a[row + i] = Math.sqrt(square);
	}
	return true;
};

/** x = (L L^T)^(-1) x in place, for the n numbers from x[at] on. Cost n^2. */
export const substitute = (l: Float64Array, n: number, x: Float64Array, at: number): void => {
	forward(l, n, n, x, at);
	backward(l, n, x, at);
};

/** sum of (e - f . z)^2 over the observations, from their sums: |e|^2 - 2 z . F^T e + z^T F^T F z. Cost features^2 / 2. */
const errorOf = ({ gram, cross, energy }: Moments, target: number, z: Float64Array, features: number): number => {
	const at = target * features;
	let error = (energy[target] as number) - 2 * dot(cross, at, z, at, features);
	for (let p = 0; p < features; p++) {
		const value = z[at + p] as number;
		error += value * (2 * dot(gram, p * features, z, at, p) + (gram[p * features + p] as number) * value);
	}
	return Math.max(0, error);
};

/** a + factor b, elementwise. */
const combined = (a: Float64Array, b: Float64Array, factor: number): Float64Array =>
	a.map((value, k) => value + factor * (b[k] as number));

const combinedMoments = (a: Moments, b: Moments, factor: number): Moments => ({
	gram: combined(a.gram, b.gram, factor),
	cross: combined(a.cross, b.cross, factor),
	energy: combined(a.energy, b.energy, factor),
});

/** Penalties tried, in units of what a feature has, from hardly any freedom to nearly all of it. */
const PENALTIES: readonly number[] = [100, 10, 1, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6];
/** The same of intercepts, which are free but for what keeps the system regular. */
const INTERCEPT_PENALTY = 1e-7;
/** Part of the mean of all that the penalty of each feature has at least: what hardly ever moves is not fitted to chance. */
const LEAST_SHARE = 0.01;
/** Multiplications up to which the penalty is chosen on all folds, and not on the first alone. */
const CHOICE_WORK = 2e9;

/** Targets by which the penalty is chosen for all of them. */
const CHOICE_TARGETS = 16;

/** Adds penalty (d + LEAST_SHARE mean d) to the diagonal d from feature `start` to `end`; 1 where all of d is zero. */
const penalise = (gram: Float64Array, features: number, start: number, end: number, penalty: number): void => {
	let mean = 0;
	for (let p = start; p < end; p++) mean += (gram[p * features + p] as number) / (end - start);
	for (let p = start; p < end; p++) {
		const own = gram[p * features + p] as number;
		gram[p * features + p] = own + (mean === 0 ? 1 : penalty * (own + LEAST_SHARE * mean));
	}
};

/**
 * The z of every target that minimises sum (e - f . z)^2 + penalty sum_p d_p z_p^2, with d_p the sum of f_p^2 (see
 * LEAST_SHARE): [targets, features]. The first `held` features have this penalty, those after them are intercepts.
 * Undefined where values overflow. Cost features^3 / 6 + targets features^2.
 */
export const ridge = (moments: Moments, held: number, penalty: number): Float64Array | undefined => {
	const targets = moments.energy.length;
	const features = moments.cross.length / targets;
	const l = moments.gram.slice();
	penalise(l, features, 0, held, penalty);
	penalise(l, features, held, features, INTERCEPT_PENALTY);
	if (!cholesky(l, features)) return undefined;
	const z = moments.cross.slice();
	for (let t = 0; t < targets; t++) substitute(l, features, z, t * features);
	return z.every(Number.isFinite) ? z : undefined;
};

/** Multiplications of a fit of all targets and of their errors: for an estimate beforehand. */
export const workOf = (features: number, targets: number): number => features ** 3 / 6 + 1.5 * targets * features ** 2;

export type Validated = {
	/** [targets, features], from all observations. */
	readonly change: Float64Array;
	/** Of every target: the sum of e^2, and of (e - f . z)^2 with z from the folds that the observation is not in. */
	readonly before: Float64Array;
	readonly after: Float64Array;
};

/** The sums of some of the targets. */
const withTargets = ({ gram, cross, energy }: Moments, targets: readonly number[], features: number): Moments => {
	const some = new Float64Array(targets.length * features);
	for (const [k, t] of targets.entries()) some.set(cross.subarray(t * features, (t + 1) * features), k * features);
	return { gram, cross: some, energy: Float64Array.from(targets, (t) => energy[t] as number) };
};

/** Of every target the error on `fold` of a fit to the rest of `total`; no numbers where there is no fit. */
const leftOut = (total: Moments, fold: Moments, held: number, penalties: readonly number[]): Float64Array[] => {
	const features = total.cross.length / total.energy.length;
	const rest = combinedMoments(total, fold, -1);
	return penalties.map((penalty) => {
		const z = ridge(rest, held, penalty);
		return fold.energy.map((_, t) => (z === undefined ? Number.NaN : errorOf(fold, t, z, features)));
	});
};

const sumOf = (errors: Float64Array): number => errors.reduce((sum, error) => sum + error, 0);

/** The penalty that leaves the least error on what is left out; undefined where that is no less than without any change. */
const chosen = (total: Moments, folds: readonly Moments[], held: number): number | undefined => {
	const penalties = held === 0 ? PENALTIES.slice(0, 1) : PENALTIES;
	const sums = penalties.map(() => 0);
	for (const fold of folds)
		for (const [k, errors] of leftOut(total, fold, held, penalties).entries())
			sums[k] = (sums[k] as number) + sumOf(errors);
	let best = { penalty: undefined as number | undefined, error: folds.reduce((sum, f) => sum + sumOf(f.energy), 0) };
	for (const [k, penalty] of penalties.entries())
		if ((sums[k] as number) < best.error) best = { penalty, error: sums[k] as number };
	return best.penalty;
};

/**
 * The ridge regression with the penalty that leaves the least error on observations left out, one for all targets;
 * z = 0 is a candidate, and then (or where values overflow) the result is undefined. Each fold is left out once:
 * the sums of the others are all sums minus its own. Held: see `ridge`. The penalty is chosen by CHOICE_TARGETS of the
 * targets. Cost: as much memory again as the sums take; PENALTIES folds fits of these targets (PENALTIES where that is
 * too much), and folds + 1 of all.
 */
export const validated = (folds: readonly Moments[], held: number): Validated | undefined => {
	const [first, ...others] = folds;
	if (first === undefined) return undefined;
	const total = others.reduce((sum, fold) => combinedMoments(sum, fold, 1), first);
	const targets = total.energy.length;
	const features = total.cross.length / targets;
	const asked = Math.min(targets, CHOICE_TARGETS);
	const judges = Array.from({ length: asked }, (_, k) => Math.floor((k * targets) / asked));
	const isSmall = workOf(features, asked) * PENALTIES.length * folds.length <= CHOICE_WORK;
	const seen = (isSmall ? folds : [first]).map((fold) => withTargets(fold, judges, features));
	const penalty = chosen(withTargets(total, judges, features), seen, held);
	const change = penalty === undefined ? undefined : ridge(total, held, penalty);
	if (penalty === undefined || change === undefined) return undefined;
	const after = folds
		.flatMap((fold) => leftOut(total, fold, held, [penalty]))
		.reduce((sum, errors) => combined(sum, errors, 1));
	return { change, before: total.energy, after };
};
