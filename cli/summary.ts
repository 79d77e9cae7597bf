import type { Report } from '../compiler/report.ts';
import { formatBytes, formatNumber, formatTime, table } from './output.ts';
import {
	compensationText,
	tradeOffHead,
	tradeOffNote,
	tradeOffRows,
	windowHead,
	windowRows,
} from './report/accuracy.ts';
import { maskingText } from './report/masking.ts';
import {
	activationHead,
	activationRows,
	consideredHead,
	consideredRows,
	costHead,
	costRows,
	kindText,
	layerHead,
	layerRows,
	tradeoffHead,
	tradeoffNote,
	tradeoffRows,
} from './report/tables.ts';

type Row = readonly [name: string, value: string | number];

/** `{ encryptMs: 12 }` as the row `encrypt  12 ms`, and the time of the evaluation for each of the samples. */
export const timingRows = (timings: Readonly<Record<string, number>>, samples: number): readonly Row[] => [
	...Object.entries(timings).map(([name, ms]): Row => [name.replace(/Ms$/, ''), formatTime(ms)]),
	['evaluate, each sample', formatTime((timings.evaluateMs ?? 0) / Math.max(1, samples))],
];

/** What fewer keys cost. */
const limitRow = ({ unlimited, extraRotations, extraMs }: NonNullable<Report['keys']['limit']>): Row => [
	'with a key for each step',
	`${unlimited.count} keys, ${formatBytes(unlimited.bytes)}, ${extraRotations} rotations and ${formatTime(extraMs)} less`,
];

/** The bits that are right; --precision asks for those that encryption leaves, where polynomials leave fewer these are told too. */
const precisionText = ({ bits, encryptionBits }: Report['predicted']): string =>
	bits === encryptionBits
		? `${formatNumber(bits)} bits`
		: `${formatNumber(bits)} bits, ${formatNumber(encryptionBits)} without the error of polynomials`;

/** What a person wants to know of a compiled program, in about ten rows. */
export const summaryRows = (report: Report): readonly Row[] => {
	const { parameters, counts, keys, predicted, memory, traffic, range } = report;
	return [
		['ring degree', parameters.ringDegree],
		['modulus', `${formatNumber(parameters.logQ)} bits in ${parameters.primes.length} primes`],
		['security', `${parameters.securityBits} bits`],
		['slots', parameters.slots],
		['samples in one ciphertext', parameters.batch],
		['depth', `${counts.depth} ${counts.depth === 1 ? 'level' : 'levels'}`],
		['rotations', counts.rotations],
		['products', `${counts.products}, ${counts.relinearizations} relinearizations`],
		['plaintext products', counts.plainProducts],
		['evaluation keys', `${keys.count}, ${formatBytes(keys.bytes)}`],
		...(keys.limit === undefined ? [] : [limitRow(keys.limit)]),
		['input and output', `${formatBytes(traffic.uploadBytes)} sent, ${formatBytes(traffic.downloadBytes)} received`],
		[
			'accepted inputs',
			range.guaranteed ? 'none can leave the modulus' : 'those like the calibration data fit the modulus',
		],
		['output masking', maskingText(report)],
		['predicted precision', precisionText(predicted)],
		['predicted time', `${formatTime(predicted.evaluateMs)} on one thread of ${report.backend}`],
		...(parameters.batch > 1
			? [['predicted time, each sample', formatTime(predicted.evaluateMs / parameters.batch)] as const]
			: []),
		['predicted memory', formatBytes(memory.total)],
		...(report.keepConstants ? [] : [['constants', 'encoded at each use, in the predicted time'] as const]),
	];
};

/** `x [1, 4], y [2]`. */
export const portsText = (list: readonly { readonly name: string; readonly shape: readonly number[] }[]): string =>
	list.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');

/** The report as text: the summary, a line for each layer, the warnings. */
export const reportText = (report: Report): string => {
	const { model } = report;
	return [
		`${model.name}: ${portsText(model.inputs)} -> ${portsText(model.outputs)}`,
		table(summaryRows(report)),
		report.parameters.why.text.join('\n'),
		...(report.layers.length > 0 ? [table(layerRows(report), layerHead(report))] : []),
		...(report.activations.length > 0 ? [table(activationRows(report), activationHead)] : []),
		...accuracyTexts(report),
		...(report.measured === undefined ? [] : [table(costRows(report), costHead(report))]),
		...(report.tradeoffs === undefined ? [] : [table(tradeoffRows(report.tradeoffs), tradeoffHead), tradeoffNote]),
		...report.warnings.map((warning) => `Warning: ${warning}`),
	].join('\n\n');
};

/** What else was possible, and what was done for accuracy; nothing where nothing was fitted to samples. */
const accuracyTexts = ({ accuracy }: Report): readonly string[] => {
	if (accuracy === undefined) return [];
	const compensation = compensationText(accuracy);
	return [
		...(accuracy.windows.length > 0 ? [table(windowRows(accuracy), windowHead)] : []),
		...(accuracy.tradeOffs.length > 1 ? [table(tradeOffRows(accuracy), tradeOffHead), tradeOffNote] : []),
		...(compensation === undefined ? [] : [compensation]),
	];
};

/** For each layer that the search had a choice for: what it chose, and the runners-up. */
const consideredTexts = ({ layers }: Report): readonly string[] =>
	layers
		.filter(({ considered }) => considered.length > 0)
		.map(
			(layer) =>
				`${layer.origin}: ${kindText(layer)}, ${layer.layoutText}\n${table(consideredRows(layer), consideredHead)}`,
		);

/** The report with everything that was compared for each layer. */
export const inspectionText = (report: Report): string => {
	const ways = consideredTexts(report);
	return [reportText(report), ...(ways.length > 0 ? ['Kernels and layouts that were compared', ...ways] : [])].join(
		'\n\n',
	);
};

/** The fields of a report that `--json` shows for every command that compiles, by the contract of the command line. */
export const reportJson = (report: Report) => ({
	parameters: report.parameters,
	counts: report.counts,
	keys: report.keys,
	predictedBits: report.predicted.bits,
	range: report.range,
	warnings: report.warnings,
});
