import type { Requirements } from '../ckks/parameters.ts';
import { largest, scaled } from '../numeric/vectors.ts';
import { packInto } from '../packing/layout.ts';
import type { Lowered } from '../packing/lower.ts';
import type { PackedInputs } from '../slots/evaluate.ts';
import { intervalMagnitudes } from '../slots/intervals.ts';
import { boundedMagnitudes, observedMagnitudes } from '../slots/magnitudes.ts';
import { countOf, SEEN_SAMPLES, sampleAt, spread } from '../tensor/calibrate.ts';
import { evaluateAll } from '../tensor/evaluate.ts';
import type { CoreKind, Graph } from '../tensor/graph.ts';
import type { InputKnowledge } from './accepted.ts';

/** The modulus holds values this many times larger than those of the stretched samples. */
const HEADROOM = 2;
/** Samples, the most extreme ones, that magnitudes and noise are taken from. */
const EXTREME_SAMPLES = 12;

/** Samples that parameters are chosen by, before they are packed: the more extreme ones. */
export type ExtremeSamples = {
	readonly usual: readonly ReadonlyMap<string, Float64Array>[];
	readonly stretched: readonly ReadonlyMap<string, Float64Array>[];
	/** The largest |element| of every output, over all samples that were looked at. */
	readonly outputMagnitudes: ReadonlyMap<string, number>;
};

/** The samples in which some node of the graph is largest: noise is amplified most there, and they fill the modulus. */
export const extremeSamples = (core: Graph<CoreKind>, { samples, stretched }: InputKnowledge): ExtremeSamples => {
	const most = core.nodes.map(() => ({ size: -1, sample: 0 }));
	for (const sample of spread(countOf(samples), SEEN_SAMPLES))
		evaluateAll(core, sampleAt(samples, sample)).forEach((values, id) => {
			const size = largest(values);
			if (size > (most[id]?.size ?? 0)) most[id] = { size, sample };
		});
	// Later nodes first: their samples have amplified the errors of all layers before.
	const first = new Set(most.toReversed().map(({ sample }) => sample));
	const chosen = [...new Set([...first, ...spread(countOf(samples), EXTREME_SAMPLES)])].slice(0, EXTREME_SAMPLES);
	return {
		usual: chosen.map((i) => sampleAt(samples, i)),
		stretched: chosen.map((i) => sampleAt(stretched, i)),
		outputMagnitudes: new Map(core.outputs.map(({ name, id }) => [name, Math.max(0, most[id]?.size ?? 0)])),
	};
};

/** What parameters of a packed circuit are chosen by. */
export const slotValues = (
	{ circuit, inputs, outputs }: Lowered,
	knowledge: InputKnowledge,
	{ usual, stretched, outputMagnitudes }: ExtremeSamples,
): Pick<Requirements, 'samples' | 'read' | 'outputMagnitudes' | 'magnitudes'> => {
	const packed = (sample: ReadonlyMap<string, ArrayLike<number>>): PackedInputs =>
		new Map([...inputs].map(([name, layout]) => [name, packInto(layout, sample.get(name) ?? [])]));
	const observed = (): Float64Array => scaled(observedMagnitudes(circuit, stretched.map(packed)), HEADROOM);
	return {
		read: new Map([...outputs].map(([name, layout]) => [name, layout.parts])),
		outputMagnitudes,
		samples: usual.map(packed),
		magnitudes: {
			// By interval arithmetic: far too much after a few layers.
			sound: () =>
				knowledge.source === 'assumed'
					? intervalMagnitudes(circuit, packed(ends(knowledge, 'low')), packed(ends(knowledge, 'high')))
					: boundedMagnitudes(circuit, packed(farthest(knowledge))),
			observed,
			prefersSound: knowledge.source === 'assumed',
		},
	};
};

/** The largest magnitude that each element of an accepted input may have, beyond what calibration saw. */
const farthest = ({ bounds, accepted }: InputKnowledge): ReadonlyMap<string, Float64Array> =>
	new Map(
		[...bounds].map(([name, { low }]) => {
			const [least, most] = accepted.get(name) ?? [0, 0];
			return [name, low.map(() => Math.max(Math.abs(least), Math.abs(most)))];
		}),
	);

/** Where the elements of inputs of an assumed range end. */
const ends = ({ bounds }: InputKnowledge, end: 'low' | 'high'): ReadonlyMap<string, Float64Array> =>
	new Map([...bounds].map(([name, both]) => [name, both[end]]));
