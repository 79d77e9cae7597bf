/** What is measured of one point, as plain numbers: what `judge.ts` compares with `models/baselines.json`. */

/** A decision that is not the model's own. */
export type Flip = {
	/** Index of the sample. */
	readonly sample: number;
	/** What the model's own values before the tail differ by between the two decisions; twice the size of a single one. */
	readonly margin: number;
};

/** The answers of one way to evaluate, beside those of the model itself. */
export type Answers = {
	readonly samples: number;
	/** Part of the labels that are met; of a regression, R^2. */
	readonly accuracy: number;
	/** Decisions other than the model's; none where nothing is decided. */
	readonly flips: readonly Flip[];
	/** Samples that the client refuses, because they are outside of what the program was compiled for: they count as wrong. */
	readonly refused: number;
	/** Samples whose outputs are reported as implausible. */
	readonly doubtful: number;
};

/**
 * The predicted bound is six deviations of the worst element; of thousands of simulated ones a few may pass it, but none may be twice as
 * large: what is not simulated relies on that.
 */
export const NOISE_ALLOWANCE = 2;

/** Errors before the tail against the compiled polynomials: what encryption adds. */
export type Noise = {
	/** Largest |error| / predicted bound of its output. */
	readonly largest: number;
	/** Root of the mean squared ratio of the two. */
	readonly rms: number;
};

export type Measurement = {
	readonly ringDegree: number;
	/** Level of fresh ciphertexts. */
	readonly levels: number;
	readonly depth: number;
	readonly logQ: number;
	readonly keys: number;
	/** Bytes of the keys as sent. */
	readonly keyBytes: number;
	/** Absolute bound of the errors of encryption and, as seen on the calibration, of the polynomials; and bits of precision. */
	readonly predicted: { readonly error: number; readonly bits: number; readonly encryptionBits: number };
	/** Slots of the outputs with something else than an element of one or zero, on random accepted inputs. */
	readonly leftovers: number;
	/** The model itself, by onnxruntime. */
	readonly clear: {
		readonly accuracy: number;
		/** What models/index.ts says, where the samples are the whole test set. */
		readonly stated: number | null;
		/** Largest difference of the imported model from onnxruntime, relative to the largest output (at least 1). */
		readonly difference: number;
	};
	/** On the whole test set; what noise cannot change is not simulated. */
	readonly simulated: Answers & { readonly evaluated: number; readonly noise: Noise };
	readonly encrypted: Answers & {
		readonly keySets: number;
		readonly noise: Noise;
		/** Simulated rms of the same samples / the measured one. */
		readonly ratio: number;
	};
};

/** Part of the samples that are answered as the model answers them. */
export const agreementOf = ({ samples, flips, refused }: Answers): number =>
	samples === 0 ? 1 : 1 - (flips.length + refused) / samples;
