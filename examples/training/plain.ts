import { type Settings, SIGMOID } from './settings.ts';

/** Rows of equal length. */
export type Rows = readonly Float64Array[];

/** v and w of Nesterov's method, one number for each column. */
export type State = { readonly v: Float64Array; readonly w: Float64Array };

export const zeroState = (columns: number): State => ({ v: new Float64Array(columns), w: new Float64Array(columns) });

/** The polynomial that the circuit computes. */
export const polynomialSigmoid = (z: number): number =>
	0.5 + z * (SIGMOID[0] + z ** 2 * (SIGMOID[1] + z ** 2 * SIGMOID[2]));

export const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((total, value, j) => total + value * (b[j] ?? 0), 0);

/** One iteration on rows y_i (x_i, 1), in the clear: what the circuit is compared with. */
const iterate = (rows: Rows, { v, w }: State, activation: (z: number) => number, settings: Settings): State => {
	const step = new Float64Array(v.length);
	for (const row of rows) {
		const share = (settings.rate / settings.rows) * activation(-dot(row, v));
		for (const [j, value] of row.entries()) step[j] = (step[j] ?? 0) + share * value;
	}
	const next = v.map((value, j) => value + (step[j] ?? 0));
	return { v: next.map((value, j) => value + settings.momentum * (value - (w[j] ?? 0))), w: next };
};

/** The states after 0, 1, ... `iterations` iterations. */
export const trainPlainly = (
	rows: Rows,
	activation: (z: number) => number,
	settings: Settings,
	iterations: number,
): readonly State[] => {
	const states = [zeroState(rows[0]?.length ?? 0)];
	for (let k = 0; k < iterations; k++) states.push(iterate(rows, states[k] as State, activation, settings));
	return states;
};

/** Which rows (y_i x_i, y_i) have a score of the right sign. */
export const decisions = (rows: Rows, weights: Float64Array): readonly boolean[] =>
	rows.map((row) => dot(row, weights) > 0);

/** The part of the rows that is decided rightly. */
export const accuracy = (rows: Rows, weights: Float64Array): number =>
	decisions(rows, weights).filter((right) => right).length / rows.length;
