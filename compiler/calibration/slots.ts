import type { Requirements } from '../ckks/parameters.ts';
import { largest, scaled } from '../numeric/vectors.ts';
import type { Samples } from '../options.ts';
import { packInto } from '../packing/layout.ts';
import type { Lowered } from '../packing/lower.ts';
import type { PackedInputs } from '../slots/evaluate.ts';
import { boundedMagnitudes, observedMagnitudes } from '../slots/magnitudes.ts';
import { countOf, SEEN_SAMPLES, sampleAt, spread } from '../tensor/calibrate.ts';
import { evaluateAll } from '../tensor/evaluate.ts';
import type { CoreKind, Graph } from '../tensor/graph.ts';
import type { InputKnowledge } from './accepted.ts';

/** The modulus holds values this many times larger than those of the stretched samples. */
const HEADROOM = 2;
/** Samples, the most extreme ones, that magnitudes and noise are taken from. */
const EXTREME_SAMPLES = 12;

/** What parameters are chosen by. Both magnitudes are of every slot value, the largest slot. */
export type SlotValues = Pick<Requirements, 'samples' | 'read'> & {
	/** A bound for every accepted input, by interval arithmetic: sound, and often far too much. */
	readonly sound: Float64Array;
	/** What calibration shows, with headroom; absent where ranges are assumed. */
	readonly observed: Float64Array | undefined;
};

export const slotValues = (core: Graph<CoreKind>, lowered: Lowered, knowledge: InputKnowledge): SlotValues => {
	const { circuit } = lowered;
	const { source, samples, stretched } = knowledge;
	const packed = (sample: ReadonlyMap<string, ArrayLike<number>>): PackedInputs =>
		new Map([...lowered.inputs].map(([name, layout]) => [name, packInto(layout, sample.get(name) ?? [])]));
	const chosen = extremes(core, samples);
	const usual = chosen.map((i) => packed(sampleAt(samples, i)));
	const beyond = chosen.map((i) => packed(sampleAt(stretched, i)));
	return {
		read: new Map([...lowered.outputs].map(([name, layout]) => [name, layout.parts])),
		samples: usual,
		sound: boundedMagnitudes(circuit, packed(farthest(knowledge))),
		observed:
			source === 'calibration' ? scaled(observedMagnitudes(circuit, [...usual, ...beyond]), HEADROOM) : undefined,
	};
};

/** The samples in which some node of the graph is largest: noise is amplified most there, and they fill the modulus. */
const extremes = (core: Graph<CoreKind>, samples: Samples): readonly number[] => {
	const most = core.nodes.map(() => ({ size: -1, sample: 0 }));
	for (const sample of spread(countOf(samples), SEEN_SAMPLES))
		evaluateAll(core, sampleAt(samples, sample)).forEach((values, id) => {
			const size = largest(values);
			if (size > (most[id]?.size ?? 0)) most[id] = { size, sample };
		});
	// Later nodes first: their samples have amplified the errors of all layers before.
	const chosen = new Set(most.toReversed().map(({ sample }) => sample));
	return [...new Set([...chosen, ...spread(countOf(samples), EXTREME_SAMPLES)])].slice(0, EXTREME_SAMPLES);
};

/** The largest magnitude that each element of an accepted input may have. */
const farthest = ({ source, bounds, accepted }: InputKnowledge): ReadonlyMap<string, Float64Array> =>
	new Map(
		[...bounds].map(([name, { low, high }]) => {
			const [least, most] = accepted.get(name) ?? [0, 0];
			const ofInput = Math.max(Math.abs(least), Math.abs(most));
			const assumed = low.map((l, i) => Math.max(Math.abs(l), Math.abs(high[i] as number)));
			return [name, source === 'assumed' ? assumed : low.map(() => ofInput)];
		}),
	);
