import type { Stages } from '../../compiler/pipeline.ts';
import type { Sample } from '../../runtime/inputs.ts';
import { type Confusion, confusionOf } from './confusion.ts';
import type { EncryptionError } from './encryption.ts';
import type { ExactRun } from './exact.ts';
import type { Excursion } from './excursions.ts';
import { LAYER_SAMPLES, type LayerError, layerErrors } from './layers.ts';
import { type Outcome, type OutputEvidence, outputEvidence, type Prediction } from './outputs.ts';
import { type LayerNoise, layerNoise } from './simulated.ts';

/** What each step does to one layer: polynomials in the place of functions, and the noise of encryption. */
export type LayerEvidence = {
	readonly origin: string;
	/** Relative rms of the polynomial model against the model itself, on the first samples; null where it cannot be said. */
	readonly approximation: LayerError['relativeError'];
	/** Relative rms of the simulated program against the same in the clear, and its precision, beside the predicted one. */
	readonly noise: LayerNoise['relativeError'];
	readonly bits: LayerNoise['bits'];
	readonly predictedBits: LayerNoise['predictedBits'];
};

export type Evidence = Omit<OutputEvidence, 'samples'> & {
	readonly layers: readonly LayerEvidence[];
	/** Samples that polynomials were compared on, layer by layer. */
	readonly layerSamples: number;
	readonly excursions: readonly Excursion[];
	/** Samples that these were looked for on. */
	readonly watchedSamples: number;
	readonly confusion: Confusion | null;
	/** Null where nothing was encrypted. */
	readonly encryption: EncryptionError | null;
};

/** Of a model, beside what its program gave for the samples; `run` are those that are encrypted. */
export type Material = {
	readonly stages: Stages;
	readonly exact: ExactRun;
	readonly run: readonly Sample[];
};

/** The evidence with what plots need of each sample. */
export type Gathered = { readonly evidence: Evidence; readonly samples: OutputEvidence['samples'] };

/** Everything that can be said of a run: outputs from the reference that there is, layers only of a model that was just compiled. */
export const gather = async (
	outcome: Outcome,
	predicted: Prediction,
	material: Material | undefined,
	encryption: EncryptionError | null = null,
): Promise<Gathered> => {
	const { samples, ...output } = outputEvidence(outcome, predicted);
	const { decisions } = outcome;
	const confusion = decisions && confusionOf(decisions.labels, decisions.found, decisions.exact);
	const evidence: Evidence = {
		...output,
		layers: material === undefined ? [] : await layersOf(material),
		layerSamples: material === undefined ? 0 : Math.min(LAYER_SAMPLES, outcome.exact.length),
		excursions: material?.exact.excursions ?? [],
		watchedSamples: material?.exact.watched ?? 0,
		confusion: confusion ?? null,
		encryption,
	};
	return { evidence, samples };
};

/** In the order of the model, then what only the program has. */
const layersOf = async ({ stages, exact, run }: Material): Promise<readonly LayerEvidence[]> => {
	const errors = layerErrors(stages.fused, stages.approximated.graph, exact.bodies);
	// The last of a name is what other layers read.
	const approximation = new Map(errors.map(({ origin, relativeError }) => [origin, relativeError] as const));
	const noises = (await layerNoise(stages, run.slice(0, stages.program.client.batch))) ?? [];
	const noise = new Map(noises.map((layer) => [layer.origin, layer] as const));
	const origins = [...new Set([...approximation.keys(), ...noise.keys()])].filter((origin) => origin !== '');
	return origins.map((origin) => ({
		origin,
		approximation: approximation.get(origin) ?? null,
		noise: noise.get(origin)?.relativeError ?? null,
		bits: noise.get(origin)?.bits ?? null,
		predictedBits: noise.get(origin)?.predictedBits ?? null,
	}));
};
