/** Is a measurement as good as it must be, and as its baseline? Pure: measurements in, checks out. */
import { agreementOf, type Flip, type Measurement, NOISE_ALLOWANCE } from './measurement.ts';

/** What a point reached when it was accepted, and by how much it may fall short of that. */
export type Baseline = {
	/** What it was compiled with, beside the defaults. */
	readonly options: Readonly<Record<string, unknown>>;
	readonly samples: number;
	readonly tolerance: Tolerance;
	readonly clear: number;
	readonly accuracy: number;
	readonly agreement: number;
	readonly unanswered: number;
	readonly predictedBits: number;
	readonly ringDegree: number;
	readonly levels: number;
	readonly depth: number;
	readonly logQ: number;
	readonly keys: number;
	readonly keyBytes: number;
};

export type Tolerance = {
	/** Of the accuracy, against the model in the clear and against the baseline; of a regression, of R^2. */
	readonly accuracy: number;
	/** Of the part of equal decisions, against the baseline: noise decides a few. */
	readonly agreement: number;
	/** Of the predicted bits of precision, against the baseline. */
	readonly bits: number;
};

/** 0.2 point, 0.1 point, half a bit. */
export const TOLERANCE: Tolerance = { accuracy: 0.002, agreement: 0.001, bits: 0.5 };

export type Check = { readonly what: string; readonly passed: boolean };

/** Sums of numbers that should be equal are. */
const ROUNDING = 1e-9;
/** onnxruntime computes in float32. */
const FLOAT32 = 1e-4;
/** The predicted error may be this many bits above the largest that is seen. */
const LOOSEST = 5;
/** Simulated and measured errors may differ by this factor. */
const NOISE_FACTOR = 2;
/** Part of the samples whose elements may lie beyond what is accepted. */
const MOST_REFUSED = 0.01;
/** Encrypted decisions that may differ from the model's: one, and one in so many. */
const FLIPS_IN = 100;

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const check = (passed: boolean, what: string): Check => ({ what, passed });

/** A flip is beyond the margin when errors as large as predicted cannot cause it: both values may be off by one each. */
export const beyondMargin = (flips: readonly Flip[], predictedError: number): readonly Flip[] =>
	flips.filter(({ margin }) => !(margin <= 2 * predictedError));

/** What must hold of every point, whatever its baseline says. */
export const absoluteChecks = (found: Measurement, tolerance: Tolerance): readonly Check[] => {
	const { clear, simulated, encrypted, predicted, leftovers } = found;
	const drop = clear.accuracy - simulated.accuracy;
	const beyond = (flips: readonly Flip[]): string =>
		beyondMargin(flips, predicted.error)
			.map(({ sample, margin }) => `sample ${sample} by ${margin.toPrecision(3)}`)
			.join(', ') || 'none';
	const bits = -Math.log2(encrypted.noise.largest);
	return [
		check(
			clear.difference <= FLOAT32,
			`differs from onnxruntime by ${clear.difference.toExponential(1)}, at most 1e-4`,
		),
		check(
			clear.stated === null || Math.abs(clear.accuracy - clear.stated) <= 1 / simulated.samples + ROUNDING,
			`accuracy in the clear ${percent(clear.accuracy)}, as models/index.ts says`,
		),
		check(
			drop <= tolerance.accuracy + ROUNDING,
			`accuracy ${percent(simulated.accuracy)}, at most ${percent(tolerance.accuracy)} below the ${percent(clear.accuracy)} in the clear`,
		),
		check(
			beyondMargin(simulated.flips, predicted.error).length === 0,
			`simulated decisions that differ although the margin is more than twice the predicted ${predicted.error.toPrecision(3)}: ${beyond(simulated.flips)}`,
		),
		check(
			beyondMargin(encrypted.flips, predicted.error).length === 0,
			`encrypted decisions that differ by more than that: ${beyond(encrypted.flips)}`,
		),
		check(
			encrypted.samples > 0 && encrypted.flips.length <= Math.max(1, Math.floor(encrypted.samples / FLIPS_IN)),
			`${encrypted.flips.length} of ${encrypted.samples} encrypted decisions differ, at most one and 1 %`,
		),
		check(
			simulated.noise.largest <= NOISE_ALLOWANCE,
			`simulated noise is up to ${simulated.noise.largest.toFixed(2)} of its bound, at most ${NOISE_ALLOWANCE}`,
		),
		check(
			simulated.refused <= MOST_REFUSED * simulated.samples,
			`${simulated.refused} of ${simulated.samples} samples are refused for their range, at most ${percent(MOST_REFUSED)}`,
		),
		check(leftovers === 0, `${leftovers} slots of outputs hold something else than outputs, none may`),
		check(encrypted.doubtful === 0, `${encrypted.doubtful} encrypted samples with implausible outputs, none expected`),
		check(bits >= 0, `the predicted error bounds that of encrypted samples: ${bits.toFixed(1)} bits above the largest`),
		check(bits <= LOOSEST, `and is within ${LOOSEST} bits of it: ${bits.toFixed(1)}`),
		check(
			encrypted.ratio <= NOISE_FACTOR && encrypted.ratio >= 1 / NOISE_FACTOR,
			`simulated errors are ${encrypted.ratio.toFixed(2)} times the measured ones, at most a factor of ${NOISE_FACTOR}`,
		),
	];
};

/** What a measurement says of a point when it is accepted. */
export const baselineOf = (
	found: Measurement,
	options: Readonly<Record<string, unknown>>,
	tolerance: Tolerance,
): Baseline => ({
	options,
	samples: found.simulated.samples,
	tolerance,
	clear: rounded(found.clear.accuracy),
	accuracy: rounded(found.simulated.accuracy),
	agreement: rounded(agreementOf(found.simulated)),
	unanswered: found.simulated.refused + found.simulated.doubtful,
	predictedBits: found.predicted.bits,
	ringDegree: found.ringDegree,
	levels: found.levels,
	depth: found.depth,
	logQ: found.logQ,
	keys: found.keys,
	keyBytes: found.keyBytes,
});

const rounded = (share: number): number => Number(share.toFixed(6));

/** What may not become more, and how it is called. */
const COSTS = [
	['ringDegree', 'ring degree'],
	['levels', 'levels'],
	['depth', 'depth'],
	['keys', 'keys'],
	['keyBytes', 'bytes of keys'],
	['unanswered', 'samples refused or implausible'],
] as const;

/** What may not become less, by which tolerance, and how it is called. */
const MERITS = [
	['accuracy', 'accuracy', 'accuracy'],
	['agreement', 'agreement', 'agreement'],
	['predictedBits', 'bits', 'predicted bits'],
] as const;

/** Rounding of the shares that a baseline holds. */
const KEPT_DIGITS = 1e-6;

/** What depends on the samples, and cannot be compared with that of other samples. */
const OF_SAMPLES: ReadonlySet<string> = new Set(['accuracy', 'agreement', 'unanswered']);

const comparableBetween =
	(now: Baseline, before: Baseline) =>
	([key]: readonly [string, ...unknown[]]): boolean =>
		now.samples === before.samples || !OF_SAMPLES.has(key);

/**
 * What must not have become worse; on a larger test set than the baseline's, only of what belongs to the program. Without a
 * baseline there is one check, which fails.
 */
export const relativeChecks = (now: Baseline, before: Baseline | undefined): readonly Check[] => {
	if (before === undefined) return [check(false, 'there is no baseline: npm run models:accept makes one')];
	const same = JSON.stringify(now.options) === JSON.stringify(before.options) && now.samples >= before.samples;
	const { tolerance } = before;
	const comparable = comparableBetween(now, before);
	return [
		check(
			same,
			`compiled and measured like its baseline: at least ${before.samples} samples, ${JSON.stringify(before.options)}`,
		),
		...MERITS.filter(comparable).map(([key, by, what]) =>
			check(
				now[key] >= before[key] - tolerance[by] - KEPT_DIGITS,
				`${what} ${now[key]}, at most ${tolerance[by]} below ${before[key]}`,
			),
		),
		...COSTS.filter(comparable).map(([key, what]) =>
			check(now[key] <= before[key], `${what} ${now[key]}, at most ${before[key]}`),
		),
	];
};

/** What has become better than its baseline: a reason to accept it, no failure. */
export const improvements = (now: Baseline, before: Baseline | undefined): readonly string[] => {
	if (before === undefined) return [];
	const { tolerance } = before;
	const comparable = comparableBetween(now, before);
	return [
		...MERITS.filter(comparable).filter(([key, by]) => now[key] > before[key] + tolerance[by] + KEPT_DIGITS),
		...COSTS.filter(comparable).filter(([key]) => now[key] < before[key]),
	].map(([key, ...names]) => `${names.at(-1)} ${now[key]} instead of ${before[key]}`);
};
