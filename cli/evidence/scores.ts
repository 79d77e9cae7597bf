import type { OutputPacking, TailOp } from '../../runtime/plan.ts';

/** The numbers of which the largest decides, from what is decrypted; undefined where no such numbers are. */
export type Scores = (raw: Float64Array) => Float64Array | undefined;

/** Values on their way through a tail; `shared`: each depends on all before, so that one alone decides nothing. */
type Way = { readonly shape: readonly number[]; readonly values: Float64Array; readonly shared: boolean };

/**
 * What an output decides by, before what the client does to it: tails keep the order of values (softmax, sigmoid, shares), so
 * the decision and how near it is are seen in the values as decrypted. A single value x decides like the scores [0, x].
 */
export const scoresOf =
	({ encryptedShape, tail }: Pick<OutputPacking, 'encryptedShape' | 'tail'>): Scores =>
	(raw) => {
		let way: Way | undefined = { shape: encryptedShape, values: raw, shared: false };
		for (const op of tail) {
			if (op.op === 'argMax') return firstLine(way, op.axis);
			way = after(way, op);
			if (way === undefined) return undefined;
		}
		if (way.values.length > 1) return way.values;
		return way.shared ? undefined : Float64Array.of(0, way.values[0] ?? Number.NaN);
	};

/** The values that decide after one operation; undefined where it compares several lines, or counts. */
const after = (way: Way, op: TailOp): Way | undefined => {
	switch (op.op) {
		case 'sigmoid':
			return way;
		case 'reshape':
			return { ...way, shape: op.shape };
		case 'select': {
			const values = Float64Array.from(op.values, (from) => way.values[from] ?? Number.NaN);
			return { ...way, shape: [values.length], values };
		}
		case 'softmax':
		case 'logSoftmax':
		case 'hardmax':
		case 'l1':
			return way.shape.at(op.axis) === way.values.length ? { ...way, shared: true } : undefined;
		default:
			return undefined;
	}
};

/** What the first index of an argMax compares. */
const firstLine = ({ shape, values }: Way, axis: number): Float64Array => {
	const at = axis < 0 ? axis + shape.length : axis;
	const stride = shape.slice(at + 1).reduce((product, d) => product * d, 1);
	return Float64Array.from({ length: shape[at] ?? 1 }, (_, i) => values[i * stride] ?? Number.NaN);
};

/** The index of the largest, and by how much it is larger than the next. */
export const winnerOf = (scores: Float64Array): { readonly index: number; readonly margin: number } => {
	let [index, next] = [0, Number.NEGATIVE_INFINITY];
	for (let i = 1; i < scores.length; i++) {
		const value = scores[i] as number;
		const best = scores[index] as number;
		if (value > best) [index, next] = [i, best];
		else if (value > next) next = value;
	}
	return { index, margin: (scores[index] as number) - next };
};
