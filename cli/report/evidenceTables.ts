import type { Comparison } from '../decisions.ts';
import type { EncryptionError } from '../evidence/encryption.ts';
import type { ErrorSizes } from '../evidence/errors.ts';
import type { Evidence } from '../evidence/evidence.ts';
import type { SampleError } from '../evidence/outputs.ts';
import type { Regression } from '../evidence/regression.ts';
import { formatNumber } from '../output.ts';
import type { Rows } from './tables.ts';

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const orNothing = (value: number | null): string | number => value ?? '-';

/** Rows for what there is. */
const rowOf = (name: string, value: string | number | null): Rows => (value === null ? [] : [[name, value]]);

const regressionRows = ({ found, clear }: Regression): Rows => [
	['mean error of the values', formatNumber(found.meanError)],
	...rowOf('  in the clear', clear && formatNumber(clear.meanError)),
	['rms error of the values', formatNumber(found.rmsError)],
	...rowOf('  in the clear', clear && formatNumber(clear.rmsError)),
	...rowOf('R^2', found.r2 === null ? null : found.r2.toFixed(4)),
	...rowOf('  in the clear', clear?.r2?.toFixed(4) ?? null),
];

/** What counts most: how often the model is right, and whether the program decides as it does. */
export const comparisonRows = (result: Comparison, regression: Regression | null): Rows => [
	['samples', result.samples],
	...rowOf('accuracy', result.accuracy === null ? null : percent(result.accuracy)),
	...rowOf('accuracy in the clear', result.clearAccuracy === null ? null : percent(result.clearAccuracy)),
	...(regression === null ? [] : regressionRows(regression)),
	...rowOf('decisions that differ', result.flips),
	...rowOf('largest error', result.maxAbsError === null ? null : formatNumber(result.maxAbsError)),
];

const bitsText = (bits: number | null): string => (bits === null ? 'exact' : `${formatNumber(bits)} bits`);

/** Errors of what is decrypted, predicted beside measured. */
export const evidenceRows = ({ errors, precision, flipped, flipsBeyond, encryption }: Evidence): Rows => {
	const sizes = (name: 'max' | 'mean' | 'rms'): string => {
		const part = errors.relative === null ? '' : `, ${percent(errors.relative[name])} of the spread`;
		return `${formatNumber(errors.absolute[name])}${part}`;
	};
	return [
		['error as decrypted, largest', sizes('max')],
		['  mean', sizes('mean')],
		['  rms', sizes('rms')],
		[
			'predicted error',
			`${formatNumber(precision.predictedError)}, ${precision.bounded ? 'not exceeded' : 'EXCEEDED'}`,
		],
		['precision, predicted', bitsText(precision.predictedBits)],
		['precision, measured', bitsText(precision.measuredBits)],
		...(encryption === null ? [] : encryptionRows(encryption)),
		...(flipped.length === 0
			? []
			: [['flips beyond the predicted error', `${flipsBeyond} of ${flipped.length}`] as const]),
	];
};

/** Encryption alone, really and simulated. */
const encryptionRows = ({ samples, measured, simulated, predicted }: EncryptionError): Rows => {
	const sizes = ({ max, rms }: ErrorSizes): string => `at most ${formatNumber(max)}, rms ${formatNumber(rms)}`;
	return [
		[`error of encryption alone, ${samples} ${samples === 1 ? 'sample' : 'samples'}`, sizes(measured)],
		['  simulated', sizes(simulated)],
		['  predicted', `at most ${formatNumber(predicted)}`],
	];
};

/** Flips that are listed in the terminal and on the page; the JSON result has them all. */
const MOST_FLIPS = 20;

export const flipHead = ['flipped sample', 'label', 'in the clear', 'found', 'margin', 'error', 'beyond'];

/** Flips, those of the largest margin first. */
export const flipRows = ({ flipped }: Evidence): Rows =>
	flipped
		.toSorted((a, b) => (b.margin ?? 0) - (a.margin ?? 0))
		.slice(0, MOST_FLIPS)
		.map(({ sample, label, clear, found, margin, error, beyond }) => [
			...[String(sample), orNothing(label), orNothing(clear), orNothing(found)],
			...[orNothing(margin), error, beyond ? 'yes' : ''],
		]);

export const worstHead = ['sample', 'error', 'label', 'in the clear', 'found', 'margin in the clear'];

export const worstRows = (worst: readonly SampleError[]): Rows =>
	worst.map(({ sample, error, label, clear, found, margin }) => [
		...[String(sample), error, orNothing(label), orNothing(clear), orNothing(found), orNothing(margin)],
	]);

export const stepHead = ['layer', 'polynomials against the model', 'noise against no noise', 'bits', 'predicted bits'];

/** Each layer: what polynomials do to it, and what noise does. */
export const stepRows = ({ layers }: Evidence): Rows =>
	layers.map(({ origin, approximation, noise, bits, predictedBits }) => [
		...[origin, partText(approximation), partText(noise)],
		...[orNothing(bits), orNothing(predictedBits)],
	]);

const partText = (part: number | null): string => (part === null ? '-' : `${Number((100 * part).toPrecision(3))} %`);

export const excursionHead = [
	...['activation', 'function', 'interval of the polynomial', 'values seen', 'samples beyond', 'values beyond'],
	'farthest, in widths',
];

/** What reached each function, beside what its polynomial was made for. */
export const excursionRows = ({ excursions }: Evidence): Rows =>
	excursions.map(({ origin, fn, interval, seen, samples, share, farthest }) => [
		...[origin, fn, rangeText(interval), rangeText(seen)],
		...[samples, partText(share), farthest],
	]);

const rangeText = ([low, high]: readonly [number, number]): string => `[${formatNumber(low)}, ${formatNumber(high)}]`;
