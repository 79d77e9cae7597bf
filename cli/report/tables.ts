import type { LayerReport } from '../../compiler/report/layers.ts';
import type { Report } from '../../compiler/report.ts';
import type { Tradeoff } from '../../compiler/tradeoffs.ts';
import { formatBytes, formatNumber, formatTime } from '../output.ts';

/** Tables that the terminal and the page show alike: a head, and rows of texts and numbers. */
export type Rows = readonly (readonly (string | number)[])[];

export const activationHead = ['activation', 'function', 'degree', 'interval', 'largest error', 'mean error'];

export const activationRows = ({ activations }: Report): Rows =>
	activations.map(({ origin, fn, degree, interval, maxError, rmsError }) => [
		...[origin, fn, degree, `[${interval.map(formatNumber).join(', ')}]`],
		...[formatNumber(maxError), formatNumber(rmsError)],
	]);

/** What computes a layer, and the layers before it that its map was composed with. */
export const kindText = ({ kind, composed }: LayerReport): string =>
	composed.length === 0 ? kind : `${kind}, with ${composed.join(', ')}`;

const measuredLayers = ({ measured }: Report): ReadonlyMap<string, number> | undefined =>
	measured && new Map(measured.layers.map(({ origin, milliseconds }) => [origin, milliseconds]));

export const layerHead = (report: Report): readonly string[] => [
	...['layer', 'kind', 'layout', 'level', 'rotations', 'plain products', 'bits', 'ms'],
	...(report.measured === undefined ? [] : ['ms measured']),
];

export const layerRows = (report: Report): Rows => {
	const measured = measuredLayers(report);
	return report.layers.map((layer) => [
		...[layer.origin, kindText(layer), layer.layoutText, layer.level],
		...[layer.rotations, layer.plainProducts, layer.bits, layer.milliseconds],
		...(measured === undefined ? [] : [measured.get(layer.origin) ?? 0]),
	]);
};

export const costHead = (report: Report): readonly string[] =>
	report.measured === undefined ? ['', 'predicted'] : ['', 'predicted', 'measured', 'measured / predicted'];

/** What a run takes, as predicted, and as measured where it was. */
export const costRows = ({ predicted, measured, memory, keys, traffic }: Report): Rows => {
	const row = (
		name: string,
		format: (value: number) => string,
		expected: number,
		found: number | null | undefined,
	): Rows[number] => [
		...[name, format(expected)],
		...(found === undefined ? [] : found === null ? ['-', '-'] : [format(found), ratioText(found, expected)]),
	];
	const bits = (value: number): string => `${formatNumber(value)} bits`;
	return [
		row('evaluation', formatTime, predicted.evaluateMs, measured?.evaluateMs),
		...(measured === undefined
			? []
			: [row('evaluation, CPU time', formatTime, predicted.evaluateMs, measured.evaluateCpuMs)]),
		row('first evaluation', formatTime, predicted.firstEvaluateMs, measured?.firstEvaluateMs),
		row('set up, each side', formatTime, predicted.setUpMs, measured?.setUpMs),
		row('key generation', formatTime, predicted.keygenMs, measured?.keygenMs),
		row('loading of keys', formatTime, predicted.loadKeysMs, measured?.loadKeysMs),
		row('encryption', formatTime, predicted.encryptMs, measured?.encryptMs),
		row('decryption', formatTime, predicted.decryptMs, measured?.decryptMs),
		row('peak memory of the server', formatBytes, memory.total, measured?.peakBytes),
		row('keys as sent', formatBytes, keys.bytes, measured?.keyBytes),
		row('upload', formatBytes, traffic.uploadBytes, measured?.uploadBytes),
		row('download', formatBytes, traffic.downloadBytes, measured?.downloadBytes),
		row('precision under encryption', bits, predicted.encryptionBits, measured?.bits),
	];
};

const ratioText = (found: number, expected: number): string => (expected === 0 ? '-' : (found / expected).toFixed(2));

export const consideredHead = ['', 'kernel', 'rotations', 'plain products', 'keys', 'cost in ms', 'result'];

/** Ways to compute a layer, marked the one that was chosen; a layer of several nodes has some for each. */
export const consideredRows = ({ considered }: LayerReport): Rows =>
	considered.map(({ chosen, family, rotations, products, keys, cost, layoutText }) => [
		...[chosen ? '>' : '', family, rotations, products, keys, Number(cost.toFixed(1)), layoutText],
	]);

export const tradeoffHead = [
	...['', 'objective', 'samples', 'time', 'each', 'rotations', 'relinearizations', 'keys', 'key bytes', 'upload'],
	...['server memory', 'ring degree'],
];

export const tradeoffRows = (tradeoffs: readonly Tradeoff[]): Rows =>
	tradeoffs.map(({ chosen, objective, fits, ...costs }) => [
		...[chosen ? '>' : '', objective, costs.batch],
		...[formatTime(costs.evaluateMs), formatTime(costs.evaluateMs / costs.batch)],
		...[costs.rotations, costs.relinearizations, costs.keys],
		...[formatBytes(costs.keyBytes), formatBytes(costs.uploadBytes), formatBytes(costs.memoryBytes)],
		fits ? String(costs.ringDegree) : `above ${costs.ringDegree}`,
	]);

export const tradeoffNote =
	'The row with > is this program. The others are estimates with its ring degree and scales; compile with --optimize for exact ones.';

export const keyHead = ['key', 'used up to level', 'bytes as sent', 'by'];

/** The keys, each with the layers that use it. */
export const keyRows = ({ keys, layers }: Report): Rows =>
	keys.list.map(({ step, level, bytes }) => {
		const users = layers.filter((layer) => (step === 0 ? layer.relinearizations > 0 : layer.steps.includes(step)));
		const name = step === 0 ? 'relinearization' : `rotation by ${step}`;
		return [name, level, formatBytes(bytes), users.map(({ origin }) => origin).join(', ')];
	});

export const composedHead = ['rotation by', 'composed of'];

/** Rotations that are composed of others, since keys are limited. */
export const composedRows = ({ keys }: Report): Rows =>
	(keys.limit?.composed ?? []).map(({ step, by }) => [String(step), by.join(' + ')]);

export const memoryRows = ({ memory }: Report): Rows =>
	Object.entries(memory).map(([name, bytes]) => [name, formatBytes(bytes)]);
