import type { Stages } from '../../compiler/pipeline.ts';
import { evaluateAll } from '../../compiler/tensor/evaluate.ts';
import { applyHead } from '../../compiler/tensor/passes/split.ts';
import type { ProgressListener } from '../../runtime/plan.ts';
import { type Excursion, Excursions, type Replaced } from './excursions.ts';

type Inputs = ReadonlyMap<string, Float64Array>;

/** The model in the clear up to what is decrypted. */
export type ExactRun = {
	/** The samples that were looked at, after what the client does to them. */
	readonly bodies: readonly Inputs[];
	/** Of each sample, the output before what the client does to it. */
	readonly raw: readonly Float64Array[];
	readonly excursions: readonly Excursion[];
	/** How many samples these were looked for on. */
	readonly watched: number;
};

const EVERY = 64;
/** Samples whose values are looked at inside of the model, where its outputs are known already. */
const WATCHED = 1000;

/** Each activation and each maximum over windows, with the interval that all channels of its polynomials were made for. */
const replacedIn = ({ report: { activations, windows } }: Stages['approximated']): readonly Replaced[] => [
	...activations.map(({ origin, fn, interval }): Replaced => ({ kind: 'activation', origin, fn, interval })),
	...windows.map(({ origin, frames }): Replaced => {
		const low = frames.reduce(
			(least, { center, radius }) => Math.min(least, center - radius),
			Number.POSITIVE_INFINITY,
		);
		const high = frames.reduce((most, { center, radius }) => Math.max(most, center + radius), Number.NEGATIVE_INFINITY);
		return { kind: 'pooled', origin, fn: 'max', interval: [low, high] };
	}),
];

/**
 * The model itself, its functions exact: the output of that name before what the client does, and what reaches the functions. With
 * `values`, the outputs of a model without such a tail, samples beyond the first WATCHED are not evaluated again.
 */
export const exactRun = (
	{ fused, split, approximated }: Stages,
	samples: readonly Inputs[],
	output: string,
	onProgress: ProgressListener,
	values?: readonly Float64Array[],
): ExactRun => {
	const id = fused.outputs.find(({ name }) => name === output)?.id ?? -1;
	const excursions = new Excursions(fused, replacedIn(approximated));
	const watched = values === undefined ? samples.length : Math.min(samples.length, WATCHED);
	const bodies = samples
		.slice(0, watched)
		.map((sample) => new Map([...sample].map(([name, x]) => [name, applyHead(split.heads.get(name), x)] as const)));
	const raw = bodies.map((body, i) => {
		if (i % EVERY === 0) onProgress({ stage: 'values in the clear', done: i, total: watched });
		const all = evaluateAll(fused, body);
		excursions.add(all);
		return all[id] ?? new Float64Array();
	});
	return { bodies, raw: values ?? raw, excursions: excursions.list, watched };
};
