import { randomSamples, type Traced } from '../../compiler/index.ts';
import type { Example } from './index.ts';

type Sample = ReadonlyMap<string, Float64Array>;

/** Random inputs, and those at which all numbers are smallest and all largest: there differences vanish. Bits are rounded. */
export const samplesOf = ({ program }: Example, { bits = false } = {}): readonly Sample[] => {
	const random = randomSamples(program, 1, 7);
	const at = (end: 0 | 1): Sample =>
		new Map(Object.entries(program.inputs).map(([name, input]) => [name, flat(input, end)]));
	const first = new Map(
		[...random].map(([name, [values = new Float64Array()]]) => [name, bits ? values.map(Math.round) : values]),
	);
	return [first, at(0), at(1)];
};

const flat = ({ shape, range = [-1, 1] }: Traced['inputs'][string], end: 0 | 1): Float64Array =>
	new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(range[end]);

/** The largest error of a result, as a part of its range. */
export const errorOf = ({ reference, range }: Example, sample: Sample, result: Float64Array): number => {
	const expected = reference(...sample.values());
	const errors = expected.map((value, i) => Math.abs(value - (result[i] ?? Number.NaN)));
	return (result.length === expected.length ? Math.max(...errors) : Number.NaN) / range;
};
