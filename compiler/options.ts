import type { EngineName, ProgressListener, SecurityBits } from '../runtime/plan.ts';

/** Samples of every input by name: one row-major array per sample, as many for each input. */
export type Samples = ReadonlyMap<string, readonly Float64Array[]>;

/**
 * What is made cheap when two programs compute the same: `latency` of one evaluation, time per sample of a full one (`throughput`),
 * or what the user pays instead.
 */
export type Objective = 'latency' | 'throughput' | 'upload' | 'keys' | 'memory';

/** The evaluator that times and memory are predicted for, and that a program is made fast on. Any program runs on both. */
export type TargetBackend = EngineName;

/** What choices between equal programs are made by. */
export type Target = { readonly objective: Objective; readonly backend: TargetBackend };

export const targetOf = ({ optimize = 'latency', backend = 'kernel' }: CompileOptions): Target => ({
	objective: optimize,
	backend,
});

/** The value of an input that stays in the clear, row-major. */
export type PlainTensor = { readonly shape: readonly number[]; readonly data: Float64Array };

/** Options of `compile`; everything has a default, so that a model alone compiles. */
export type CompileOptions = {
	/** Typical inputs: ranges, polynomial fits and the noise prediction are taken from them. */
	readonly calibration?: Samples;
	/** Where the calibration comes from, for the report: a file name, or "the given input". */
	readonly calibrationSource?: string;
	/** Without calibration: every input element is assumed to lie in [low, high]. Default [-1, 1]. */
	readonly inputRange?: readonly [low: number, high: number];
	/**
	 * Samples per ciphertext B, a power of two; 'auto' takes as many as cost nothing. Default 1, or with `optimize: 'throughput'`
	 * the number with the least time per sample whose memory fits.
	 */
	readonly batch?: number | 'auto';
	/** Bits of precision asked of the outputs: error <= 2^-precision of the largest output magnitude. Default 10. */
	readonly precision?: number;
	/** Default 128. */
	readonly security?: SecurityBits;
	/** Default 'latency'. */
	readonly optimize?: Objective;
	/** Default 'kernel'. */
	readonly backend?: TargetBackend;
	/** At most so many evaluation keys, relinearisation included: rotations are composed of fewer where that is needed. */
	readonly maxKeys?: number;
	/** At most so many bytes of evaluation keys, as sent. */
	readonly maxKeyBytes?: number;
	/** Outputs to compute, by name; default all. */
	readonly outputs?: readonly string[];
	/** Values of symbolic dimensions by name; a leading symbolic (batch) dimension is 1 by default. */
	readonly dimensions?: ReadonlyMap<string, number>;
	/**
	 * Inputs that stay in the clear, by name: their values are constants of the program, known to its server. A symbolic
	 * dimension of one is what its array says.
	 */
	readonly plain?: ReadonlyMap<string, PlainTensor>;
	/**
	 * Initializers that become inputs, by name: the client encrypts these weights, the server never sees them, and products with
	 * them are products of ciphertexts. Their values are the calibration of such an input. Whoever has the key has both data and model.
	 */
	readonly encrypt?: readonly string[];
	/** What the program is called in reports and generated modules; default: the graph's own name. */
	readonly name?: string;
	/** Degree of every fitted activation polynomial; default: the smallest that keeps the model's decisions. */
	readonly degree?: number;
	/**
	 * Largest error of the outputs that the polynomials may cause, relative to the spread of each output (rms). Default: 0.02,
	 * and 0.3 for outputs whose largest element is what counts, as long as it stays the largest. Where no degree reaches
	 * these, the best is taken, with a warning; what was asked for and is missed on the calibration samples is refused.
	 * Without calibration it is the error of each polynomial, of which only a warning says that it is missed. 1e-6 to 1.
	 */
	readonly maxError?: number;
	/**
	 * Points of accuracy, of a hundred, that the polynomials may cost: twice as many decisions may flip on the calibration samples,
	 * since about half of those that flip were wrong before. The fewest levels that keep this are taken. Default 0.2; 0.02 to 20.
	 */
	readonly accuracyBudget?: number;
	/** Levels that the model may take at most, as the trade-off of the report counts them: the most accurate polynomials within are taken. */
	readonly maxLevels?: number;
	/** Linear layers behind polynomials are fitted anew to the calibration samples, unless this is false. */
	readonly compensation?: boolean;
	/**
	 * Slots of an output in which none of its elements lies are zero or copies of elements, unless this is false: they then hold what
	 * the last layer left there, partial sums that tell the key owner something of the weights, and of the others' inputs where several clients send some. Default true.
	 */
	readonly masking?: boolean;
	/** MaxPool and GlobalMaxPool become means over the same windows: another model, which costs no polynomial. */
	readonly maxpool?: 'average';
};

/** Surroundings of one compilation: nothing here changes the result. */
export type CompileContext = {
	readonly onProgress?: ProgressListener;
	/** Sees the IR after every pass; `text` renders it on demand. */
	readonly observe?: (event: {
		readonly pass: string;
		readonly milliseconds: number;
		readonly text: () => string;
	}) => void;
	/** Reads an external-data file by its location relative to the model; must refuse what leaves the model's folder. */
	readonly readExternal?: (location: string) => Uint8Array;
};
