import type { Report } from '../compiler/report.ts';
import { formatBytes, formatNumber, formatTime, table } from './output.ts';

type Row = readonly [name: string, value: string | number];

/** `{ encryptMs: 12 }` as the row `encrypt  12 ms`. */
export const timingRows = (timings: Readonly<Record<string, number>>): readonly Row[] =>
	Object.entries(timings).map(([name, ms]) => [name.replace(/Ms$/, ''), formatTime(ms)]);

/** What a person wants to know of a compiled program, in about ten rows. */
export const summaryRows = (report: Report): readonly Row[] => {
	const { parameters, counts, keys, predicted, memory, traffic, range } = report;
	return [
		['ring degree', parameters.ringDegree],
		['modulus', `${formatNumber(parameters.logQ)} bits in ${parameters.primes.length} primes`],
		['security', `${parameters.securityBits} bits`],
		['slots', parameters.slots],
		['depth', `${counts.depth} ${counts.depth === 1 ? 'level' : 'levels'}`],
		['rotations', counts.rotations],
		['products', `${counts.products}, ${counts.relinearizations} relinearizations`],
		['plaintext products', counts.plainProducts],
		['evaluation keys', `${keys.count}, ${formatBytes(keys.bytes)}`],
		['input and output', `${formatBytes(traffic.uploadBytes)} sent, ${formatBytes(traffic.downloadBytes)} received`],
		[
			'accepted inputs',
			range.guaranteed ? 'none can leave the modulus' : 'those like the calibration data fit the modulus',
		],
		['predicted precision', `${formatNumber(predicted.bits)} bits`],
		['predicted time', `${formatTime(predicted.evaluateMs)} on one thread`],
		['predicted memory', formatBytes(memory.total)],
	];
};

export const activationHead = ['activation', 'function', 'degree', 'interval', 'largest error', 'mean error'];

export const activationRows = ({ activations }: Report): readonly (readonly (string | number)[])[] =>
	activations.map(({ origin, fn, degree, interval, maxError, rmsError }) => [
		...[origin, fn, degree, `[${interval.map(formatNumber).join(', ')}]`],
		...[formatNumber(maxError), formatNumber(rmsError)],
	]);

export const layerHead = ['layer', 'kind', 'layout', 'level', 'rotations', 'plain products', 'bits', 'ms'];

export const layerRows = ({ layers }: Report): readonly (readonly (string | number)[])[] =>
	layers.map(({ origin, kind, layoutText, level, rotations, plainProducts, bits, milliseconds }) => [
		...[origin, kind, layoutText, level, rotations, plainProducts, bits, milliseconds],
	]);

/** The report as text: the summary, a line for each layer, the warnings. */
export const reportText = (report: Report): string => {
	const { model } = report;
	const ports = (list: readonly { readonly name: string; readonly shape: readonly number[] }[]): string =>
		list.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');
	return [
		`${model.name}: ${ports(model.inputs)} -> ${ports(model.outputs)}`,
		table(summaryRows(report)),
		...(report.layers.length > 0 ? [table(layerRows(report), layerHead)] : []),
		...(report.activations.length > 0 ? [table(activationRows(report), activationHead)] : []),
		...report.warnings.map((warning) => `Warning: ${warning}`),
	].join('\n\n');
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
