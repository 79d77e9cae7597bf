import type { Report } from '../compiler/report.ts';
import { formatBytes, formatNumber, table } from './output.ts';

type Row = readonly [name: string, value: string | number];

/** What a person wants to know of a compiled program, in about ten rows. */
export const summaryRows = (report: Report): readonly Row[] => {
	const { parameters, counts, keys, predicted } = report;
	return [
		['ring degree', parameters.ringDegree],
		['modulus', `${formatNumber(parameters.logQ)} bits in ${parameters.primes.length} primes`],
		['security', `${parameters.securityBits} bits`],
		['slots', parameters.slots],
		['levels', counts.depth],
		['rotations', counts.rotations],
		['relinearizations', counts.relinearizations],
		['plaintext products', counts.plainProducts],
		['evaluation keys', `${keys.count}, ${formatBytes(keys.bytes)}`],
		['predicted precision', `${formatNumber(predicted.bits)} bits`],
	];
};

/** The report as text: the summary, a line for each layer, the warnings. */
export const reportText = (report: Report): string => {
	const layers = report.layers.map(({ origin, kind, layoutText, level, rotations, plainProducts }) => [
		origin,
		kind,
		layoutText,
		level,
		rotations,
		plainProducts,
	]);
	const { model } = report;
	const ports = (list: readonly { readonly name: string; readonly shape: readonly number[] }[]): string =>
		list.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');
	return [
		`${model.name}: ${ports(model.inputs)} -> ${ports(model.outputs)}`,
		table(summaryRows(report)),
		...(layers.length > 0
			? [table(layers, ['layer', 'kind', 'layout', 'level', 'rotations', 'plaintext products'])]
			: []),
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
