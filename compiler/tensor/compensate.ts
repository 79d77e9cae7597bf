import { BATCH, emptyMoments, type Moments, observe, type Validated, validated, workOf } from '../numeric/ridge.ts';
import { spread } from './calibrate.ts';
import type { Id, Node, Term } from './graph.ts';
import { biasesOf, freeTerms, type Group, groupsOf, type Member, type Moved, withParameters } from './parameters.ts';

/** One row-major array a calibration sample. */
type Rows = readonly Float64Array[];

export type Refit = {
	readonly node: Node<'affine'>;
	/** Part of the mean square of (target - current) that is gone on samples left out of the fit; 0 where nothing is changed. */
	readonly gain: number;
};

/** Samples are dealt to so many folds, and each fold is left out of the fit once. */
const FOLDS = 4;
/** With fewer samples nothing is changed. */
const LEAST_SAMPLES = 16;
/** Part of the error on left-out samples that has to go, or nothing is changed. */
const LEAST_GAIN = 0.01;
/** Multiplications for the sums of one group beyond which (row, sample) pairs are left out; twice its parameters always stay. */
const MOST_GRAM = 5e8;
const MOST_PAIRS = 40_000;
/** Multiplications for a node, a nanosecond or two each: groups for which they do not suffice get new biases only. */
const MOST_WORK = 2e10;

/**
 * y = sum of M x + b with new M and b that minimise |target - y|^2 + penalty |change of M|^2 over samples: what
 * the errors of polynomials before the node add up to is taken back as far as a linear map can. `at` gives the values of operands
 * through these polynomials, `current` what the node makes of them, `target` what it computes in the exact model.
 *
 * The pattern of M stays, weights that are shared stay shared (parameters.ts), and so do additions and whatever has one value
 * in each row: only biases move there. The penalty is relative to the size of each feature, and chosen by the error on samples
 * left out of the fit (numeric/ridge.ts) for all components of the same pattern at once; one whose error does not
 * fall by 1 % stays what it was. Where values are not finite nothing is changed either.
 *
 * Cost: pairs parameters (parameters / 2 + components) multiplications for each pattern, and fits of parameters^3 / 6.
 */
export const compensate = (
	node: Node<'affine'>,
	at: (x: Id) => Rows,
	target: Rows,
	current: Rows,
	work = MOST_WORK,
): Refit => {
	const allFinite = (rows: Rows): boolean => rows.every((row) => row.every(Number.isFinite));
	if (target.length < LEAST_SAMPLES || !allFinite(target) || !allFinite(current)) return { node, gain: 0 };
	const free = freeTerms(node);
	const samples = { operand: joined(free, at), target, current };
	let [before, after] = [0, 0];
	const moved: Moved[] = [];
	for (const group of affordable(groupsOf(node, free), target.length, work)) {
		const { folds, share } = momentsOf(group, samples);
		const fitted = validated(folds, weightsOf(group));
		for (const [m, member] of group.members.entries()) {
			const error = share * folds.reduce((sum, { energy }) => sum + (energy[m] as number), 0);
			const left = fitted === undefined ? error : share * (fitted.after[m] as number);
			const isBetter = left <= (1 - LEAST_GAIN) * error && left < error;
			before += error;
			after += isBetter ? left : error;
			if (fitted !== undefined && isBetter) moved.push(movedBy(group, member, m, fitted));
		}
	}
	if (moved.length === 0) return { node, gain: 0 };
	return { node: withParameters(node, free, moved), gain: before > after ? 1 - after / before : 0 };
};

const weightsOf = ({ members }: Group): number => members[0]?.weights.length ?? 0;
const featuresOf = (group: Group): number => weightsOf(group) + (group.members[0]?.biases.length ?? 0);

/** The values that entries of a pattern count through: those of all operands, one after another. */
const joined = (terms: readonly Term[], at: (x: Id) => Rows): ((s: number) => Float64Array) => {
	const operands = terms.map(({ x }) => at(x));
	const [only] = operands;
	if (only !== undefined && operands.length === 1) return (s) => only[s] as Float64Array;
	const size = terms.reduce((sum, { matrix }) => sum + matrix.columns, 0);
	return (s) => {
		const values = new Float64Array(size);
		let start = 0;
		for (const rows of operands) {
			values.set(rows[s] as Float64Array, start);
			start += rows[s]?.length ?? 0;
		}
		return values;
	};
};

/** (row, sample) pairs of a group that are looked at. */
const pairsOf = (group: Group, samples: number): number => {
	const features = featuresOf(group);
	const most = Math.max(2 * features, Math.min(MOST_PAIRS, Math.floor(MOST_GRAM / features ** 2)));
	return Math.min(most, samples * group.pattern.bias.length);
};

/** The groups, those of the most elements first; where the work would be too much, with their biases alone. */
const affordable = (groups: readonly Group[], samples: number, most: number): readonly Group[] => {
	const elements = ({ pattern, members }: Group): number => pattern.bias.length * members.length;
	let spent = 0;
	return groups
		.toSorted((a, b) => elements(b) - elements(a))
		.map((group) => {
			const [features, targets] = [featuresOf(group), group.members.length];
			const sums = pairsOf(group, samples) * features * (features / 2 + targets);
			const work = sums + 3 * FOLDS * workOf(features, targets);
			if (spent + work > most) return biasesOf(group);
			spent += work;
			return group;
		});
};

type SampleValues = {
	readonly operand: (s: number) => Float64Array;
	readonly target: Rows;
	readonly current: Rows;
};

/** m of n rows, evenly, beginning elsewhere for every sample: the golden ratio keeps the beginnings apart. */
const rowsSeen = (n: number, m: number, sample: number): readonly number[] => {
	const begin = (sample * 0.6180339887498949) % 1;
	return Array.from({ length: m }, (_, k) => Math.floor(((k + begin) * n) / m));
};

/**
 * The sums over (row, sample) pairs of each fold; `share` is what to multiply them by for an estimate of those of all
 * pairs. Where there are too many pairs, each sample gives as many rows as it can, and where one is too many, samples are
 * left out.
 */
const momentsOf = (
	group: Group,
	{ operand, target, current }: SampleValues,
): { readonly folds: readonly Moments[]; readonly share: number } => {
	const [features, targets, rows] = [featuresOf(group), group.members.length, group.pattern.bias.length];
	const pairs = pairsOf(group, target.length);
	const samples = spread(target.length, pairs);
	const perSample = Math.max(1, Math.floor(pairs / samples.length));
	const folds = Array.from({ length: FOLDS }, () => emptyMoments(features, targets));
	for (const [fold, moments] of folds.entries()) {
		const [f, e] = [new Float64Array(BATCH * features), new Float64Array(BATCH * targets)];
		let filled = 0;
		const flush = (): void => {
			observe(moments, f, e);
			f.fill(0);
			e.fill(0);
			filled = 0;
		};
		for (let k = fold; k < samples.length; k += FOLDS) {
			const s = samples[k] as number;
			const x = operand(s);
			for (const i of rowsSeen(rows, perSample, k)) {
				writeFeatures(group, i, x, f, filled * features);
				writeResiduals(group, i, target[s] as Float64Array, current[s] as Float64Array, e, filled * targets);
				if (++filled === BATCH) flush();
			}
		}
		if (filled > 0) flush();
	}
	return { folds, share: (target.length * rows) / (samples.length * perSample) };
};

/** f[p] = sum of x[j] over the entries (i, j) that are parameter p; after these 1 for the bias of row i. */
const writeFeatures = (group: Group, i: number, x: Float64Array, f: Float64Array, at: number): void => {
	const { starts, place, parameter, bias } = group.pattern;
	for (let k = starts[i] as number; k < (starts[i + 1] as number); k++) {
		const p = at + (parameter[k] as number);
		f[p] = (f[p] as number) + (x[place[k] as number] as number);
	}
	f[at + weightsOf(group) + (bias[i] as number)] = 1;
};

/** What is missing at row i of every member. */
const writeResiduals = (
	{ members }: Group,
	i: number,
	target: Float64Array,
	current: Float64Array,
	e: Float64Array,
	at: number,
): void => {
	for (const [m, { rows }] of members.entries()) {
		const row = rows[i] as number;
		e[at + m] = (target[row] as number) - (current[row] as number);
	}
};

const movedBy = (group: Group, { rows, weights, biases }: Member, m: number, { change }: Validated): Moved => {
	const start = m * (weights.length + biases.length);
	const plus = (values: readonly number[], from: number): Float64Array =>
		Float64Array.from(values, (value, p) => value + (change[from + p] as number));
	return {
		rows,
		pattern: group.pattern,
		weights: plus(weights, start),
		biases: plus(biases, start + weights.length),
	};
};
