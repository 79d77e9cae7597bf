import { InternalError } from '../errors.ts';
import { clenshaw } from '../numeric/chebyshev.ts';
import { functionOf, turnsOf } from './activations.ts';
import { largestOf } from './evaluate.ts';
import type { BodyKind, ChebyshevSeries, Graph, Id, Node, Shape } from './graph.ts';
import { seriesAt, sizeOf } from './graph.ts';
import type { Head } from './passes/split.ts';

/** Elementwise bounds: low[i] <= x[i] <= high[i]. */
export type Bounds = { readonly low: Float64Array; readonly high: Float64Array };
export type Interval = readonly [low: number, high: number];

type Operand = (id: Id) => Bounds;
type Rules = {
	readonly [P in BodyKind]: (node: Node<P>, at: Operand, inputs: ReadonlyMap<string, Bounds>) => Bounds;
};

/** Bounds of an input whose elements lie in `range` before its head. */
export const inputBounds = (shape: Shape, [low, high]: Interval, head?: Head): Bounds => {
	const size = sizeOf(shape);
	const at = (value: number): Float64Array =>
		Float64Array.from({ length: size }, (_, i) => value * (head?.scale[i] ?? 1) + (head?.shift[i] ?? 0));
	const [a, b] = [at(low), at(high)];
	return { low: a.map((v, i) => Math.min(v, b[i] as number)), high: a.map((v, i) => Math.max(v, b[i] as number)) };
};

/** The smallest interval that holds every element. */
export const hull = ({ low, high }: Bounds): Interval => [
	low.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
	high.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
];

/** Interval arithmetic of every kind. Elements are taken as independent, so bounds are safe but grow with depth. */
const rules: Rules = {
	input: ({ name }, _, inputs) => {
		const bounds = inputs.get(name);
		if (bounds === undefined) throw new InternalError('ranges', `no range for input ${name}`);
		return bounds;
	},
	affine: ({ terms, bias }, at) => {
		const low = Float64Array.from(bias);
		const high = Float64Array.from(bias);
		for (const { x, matrix } of terms) {
			const operand = at(x);
			for (let i = 0; i < matrix.rows; i++)
				for (let k = matrix.rowStart[i] as number; k < (matrix.rowStart[i + 1] as number); k++) {
					const v = matrix.values[k] as number;
					const j = matrix.columnOf[k] as number;
					const [small, large] = v > 0 ? [operand.low, operand.high] : [operand.high, operand.low];
					low[i] = (low[i] as number) + v * (small[j] as number);
					high[i] = (high[i] as number) + v * (large[j] as number);
				}
		}
		return { low, high };
	},
	multiply: ({ a, b }, at) => {
		const [p, q] = [at(a), at(b)];
		const corners = (i: number): number[] => {
			const [x, y] = [
				[p.low[i] as number, p.high[i] as number],
				[q.low[i] as number, q.high[i] as number],
			] as const;
			if (a !== b) return x.flatMap((v) => y.map((w) => v * w));
			const squares = x.map((v) => v * v);
			return (x[0] as number) < 0 && (x[1] as number) > 0 ? [0, ...squares] : squares;
		};
		return elementwise(p, (i) => corners(i));
	},
	polynomial: (node, at) => {
		const operand = at(node.x);
		const turns = turnsByChannel(node, operand);
		const value = (v: number, i: number): number => {
			const { center, radius, coefficients } = seriesAt(node, i);
			return clenshaw(coefficients, (v - center) / radius);
		};
		return throughFunction(operand, value, (low, high, i) =>
			(turns.get(seriesAt(node, i)) ?? []).filter((v) => v > low && v < high),
		);
	},
	pooled: ({ x, windows, fn, parameters }, at) => {
		const { low, high } = at(x);
		const largest = { low: largestOf(windows, low), high: largestOf(windows, high) };
		if (fn === undefined) return largest;
		const applied = { fn, ...(parameters && { parameters }) };
		return throughFunction(largest, functionOf(applied), (low, high) => turnsOf(applied, low, high));
	},
	activation: (node, at) => throughFunction(at(node.x), functionOf(node), (low, high) => turnsOf(node, low, high)),
};

const elementwise = ({ low }: Bounds, candidates: (i: number) => readonly number[]): Bounds => {
	const all = Array.from(low, (_, i) => candidates(i));
	return {
		low: Float64Array.from(all, (values) => Math.min(...values)),
		high: Float64Array.from(all, (values) => Math.max(...values)),
	};
};

/** Range of f over the interval of each element i: f is monotone between neighbouring `turns`. */
const throughFunction = (
	x: Bounds,
	f: (v: number, i: number) => number,
	turns: (low: number, high: number, i: number) => readonly number[],
): Bounds =>
	elementwise(x, (i) => {
		const [low, high] = [x.low[i] as number, x.high[i] as number];
		return [low, high, ...turns(low, high, i)].map((v) => f(v, i));
	});

/** Where every series of a node turns within the intervals of its elements. */
const turnsByChannel = (
	node: Node<'polynomial'>,
	{ low, high }: Bounds,
): ReadonlyMap<ChebyshevSeries, readonly number[]> => {
	const hulls = new Map<ChebyshevSeries, Interval>();
	low.forEach((from, i) => {
		const series = seriesAt(node, i);
		const [least, most] = hulls.get(series) ?? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
		hulls.set(series, [Math.min(least, from), Math.max(most, high[i] as number)]);
	});
	return new Map([...hulls].map(([series, interval]) => [series, criticalPoints(series, interval)]));
};

/** Where the series turns within the interval, to 1/4096 of its width. */
const criticalPoints = ({ center, radius, coefficients }: ChebyshevSeries, [low, high]: Interval): number[] => {
	const steps = 4096;
	const x = (i: number): number => low + ((high - low) * i) / steps;
	const values = Array.from({ length: steps + 1 }, (_, i) => clenshaw(coefficients, (x(i) - center) / radius));
	return values.flatMap((v, i) => {
		const [before, next] = [values[i - 1], values[i + 1]];
		return before !== undefined && next !== undefined && (v - before) * (next - v) <= 0 ? [x(i)] : [];
	});
};

/** Bounds of one node from those of its operands. */
export const boundsOf = (node: Node<BodyKind>, at: Operand, inputs: ReadonlyMap<string, Bounds>): Bounds =>
	(rules[node.kind] as (node: Node<BodyKind>, at: Operand, inputs: ReadonlyMap<string, Bounds>) => Bounds)(
		node,
		at,
		inputs,
	);

/** Bounds of every node by id, by interval arithmetic from those of the inputs by name. */
export const propagate = (graph: Graph<BodyKind>, inputs: ReadonlyMap<string, Bounds>): Bounds[] => {
	const bounds: Bounds[] = [];
	for (const node of graph.nodes) bounds.push(boundsOf(node, (id) => bounds[id] as Bounds, inputs));
	return bounds;
};
