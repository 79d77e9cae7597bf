import { InternalError } from '../errors.ts';
import type { GraphBuilder, Id, Node, PolynomialKind, Shape, Windows } from './graph.ts';
import type { Frame } from './passes/frame.ts';
import { framesOf, type Layout, layoutOf, type Observed, observe, type Rows, windowsOf } from './windows/data.ts';
import { Emitter } from './windows/emit.ts';
import { fitQuadratics, type Quadratic, quadraticOn } from './windows/quadratic.ts';
import { degreeOf, fitRefinement, type Refinement, refinementOn } from './windows/refinement.ts';

/** A symmetric polynomial of the values in each window, by channels, and how far it is off on the windows that it was fitted to. */
export type WindowForm = {
	readonly origin: string;
	readonly level: number;
	readonly channels: number;
	/** rms error relative to the standard deviation of the target, and the largest error. */
	readonly relativeError: number;
	readonly maxError: number;
	readonly shape: Shape;
	readonly windows: Windows;
	readonly layout: Layout;
	/** By channel. */
	readonly frames: readonly Frame[];
	readonly quadratics: readonly Quadratic[];
	/** Of the levels from 2 on, by channel. */
	readonly refinements: readonly (readonly Refinement[])[];
};

/** Multiplications that the sums of one channel's fit may take, and bounds of its number of windows. */
const WORK = 6e6;
const FEWEST = 2000;
const MOST = 12000;

/**
 * The symmetric polynomial of depth `level` that is nearest to the target on the data, in each channel. With t the values on a
 * frame that holds them, p the mean of a window's and q_k the mean of their T_k(t):
 *
 *     V_1 = least squares on 1, p, p^2, mean t^2
 *     V_l = least squares on 1, V_(l-1), V_(l-1)^2, T_k(p), q_k    k < 2^l
 *
 * V_1 is one square of affine maps (see quadratic.ts). V_l adds a square and two polynomials of degree 2^l - 1, of the mean and of
 * the elements: with one degree more there would be factors behind them, for another 3 % of the error. A light weight of windows
 * that are stretched beyond the data keeps it sane there. Cost: windows * size * 2^level, and WORK for each channel.
 */
export const fitWindow = (
	node: Node<'pooled'>,
	data: { readonly operand: Rows; readonly target: Rows },
	level: number,
): WindowForm => {
	const size = data.operand[0]?.length;
	if (size === undefined || level < 1) throw new InternalError('windows', `no data, or level ${level}`);
	const layout = layoutOf(node, size);
	const frames = framesOf(node, data.operand, layout);
	const lists = windowsOf(node, layout);
	const fewest = lists.reduce((least, { length }) => Math.min(least, length), Number.POSITIVE_INFINITY);
	const degree = Math.max(2, degreeOf(level, fewest * data.operand.length));
	const most = Math.min(MOST, Math.max(FEWEST, Math.floor(WORK / (2 * degree) ** 2)));
	const seen = lists.map((list, c) => observe(node, data, list, frames[c] as Frame, { most, degree }));
	const quadratics = fitQuadratics(seen);
	let values = seen.map((one, c) => quadraticOn(one, quadratics[c] as Quadratic));
	const refinements: (readonly Refinement[])[] = [];
	for (let l = 2; l <= level; l++) {
		const stage = seen.map((one, c) => fitRefinement(one, values[c] as Float64Array, l));
		values = seen.map((one, c) => refinementOn(one, values[c] as Float64Array, stage[c] as Refinement));
		refinements.push(stage);
	}
	const { origin, shape, windows } = node;
	const { channels } = layout;
	return {
		origin,
		level,
		channels,
		...errorsOf(seen, values),
		shape,
		windows,
		layout,
		frames,
		quadratics,
		refinements,
	};
};

const errorsOf = (seen: readonly Observed[], values: readonly Float64Array[]) => {
	let [count, sum, squares, error, maxError] = [0, 0, 0, 0, 0];
	seen.forEach(({ target, real }, c) => {
		for (let s = 0; s < real; s++) {
			const y = target[s] as number;
			const e = Math.abs((values[c]?.[s] as number) - y);
			count++;
			sum += y;
			squares += y * y;
			error += e * e;
			maxError = Math.max(maxError, e);
		}
	});
	const variance = squares - (sum * sum) / count;
	const unit = variance > 1e-12 * squares ? variance : squares || 1;
	return { relativeError: Math.sqrt(error / unit), maxError };
};

/** The nodes that compute the form of x, and the id of the result: affine maps, products and polynomials of x's channels. */
export const emitWindow = (form: WindowForm, builder: GraphBuilder<PolynomialKind>, x: Id): Id =>
	new Emitter(form, builder).value(x);
