import type { AccuracyReport } from '../../compiler/report/accuracy.ts';
import { formatNumber, formatTime } from '../output.ts';
import { escapeHtml, htmlTable } from './html.ts';
import { scatterChart } from './scatter.ts';
import type { Rows } from './tables.ts';

/** Three digits are enough, but near all of it two behind the point: 99.97 % is not 100 %. */
export const percent = (part: number): string =>
	`${formatNumber(Number(100 * part >= 99 ? (100 * part).toFixed(2) : (100 * part).toPrecision(3)))} %`;

export const tradeOffNote =
	'Ways of replacing the functions, on calibration samples that nothing was fitted to; ring degree and time are estimates but for the chosen one. ' +
	'--accuracy-budget and --max-levels choose another. Levels are those of the network before it is packed, which may need some fewer or more.';

export const tradeOffHead = [
	'',
	'levels',
	'ring degree',
	'evaluation',
	'decisions kept',
	'expected to flip',
	'error of the outputs',
];

/** One row for each point: levels against accuracy. */
export const tradeOffRows = ({ tradeOffs }: AccuracyReport): Rows =>
	tradeOffs.map(({ levels, ringDegree, evaluateMs, decisions, flips, error, chosen }) => [
		...[chosen ? 'chosen' : '', levels, ringDegree ?? 'none'],
		evaluateMs === undefined ? '-' : `${chosen ? '' : 'about '}${formatTime(evaluateMs)}`,
		...[percent(decisions), percent(flips), percent(error)],
	]);

export const windowHead = ['maximum over windows', 'levels', 'channels', 'mean error'];

export const windowRows = ({ windows }: AccuracyReport): Rows =>
	windows.map(({ origin, level, channels, relativeError }) => [origin, level, channels, percent(relativeError)]);

const layerErrorHead = ['layer', 'mean error through the polynomials'];

const layerErrorRows = ({ layers }: AccuracyReport): Rows =>
	layers.map(({ origin, relativeError }) => [origin, percent(relativeError)]);

/** What fitting layers anew is good for; undefined where none was. */
export const compensationText = ({ compensation, agreement, relativeErrors }: AccuracyReport): string | undefined => {
	if (compensation === undefined) return undefined;
	const { layers, agreementWithout, errorWithout } = compensation;
	const error = Math.max(0, ...relativeErrors.map((one) => one.error));
	return (
		`${layers} linear ${layers === 1 ? 'layer was' : 'layers were'} fitted anew behind polynomials: ${percent(agreement)} of the decisions are kept instead of ` +
		`${percent(agreementWithout)}, and the error of the outputs is ${percent(error)} instead of ${percent(errorWithout)}.`
	);
};

/** More of them are folded: what an attention became has dozens. */
const MOST_SHOWN = 12;

const layerErrors = (report: AccuracyReport): string => {
	const { length } = report.layers;
	if (length === 0) return '';
	const title = 'What polynomials change in each layer';
	const table = htmlTable(layerErrorHead, layerErrorRows(report));
	return length > MOST_SHOWN ? `<details><summary>${title}</summary>${table}</details>` : `<h3>${title}</h3>${table}`;
};

/** Accuracy against levels as a picture, then in numbers, and what was done to reach it. */
export const accuracySection = (report: AccuracyReport | undefined): string => {
	if (report === undefined) return '';
	const { tradeOffs, windows } = report;
	const dots = tradeOffs.map(({ levels, evaluateMs, decisions, chosen }) => ({
		...{ x: levels, y: 100 * decisions, marked: chosen },
		...(evaluateMs === undefined ? {} : { label: formatTime(evaluateMs) }),
	}));
	const title = 'decisions kept against levels, with the time of an evaluation';
	const compensation = compensationText(report);
	return [
		`<p class="note">${escapeHtml(tradeOffNote)}</p>`,
		scatterChart(dots, { title, x: { name: 'levels' }, y: { name: 'decisions kept, %', most: 100 }, joined: true }),
		htmlTable(tradeOffHead, tradeOffRows(report), (row) => tradeOffs[row]?.chosen ?? false),
		compensation === undefined ? '' : `<p>${escapeHtml(compensation)}</p>`,
		windows.length === 0
			? ''
			: `<h3>Windows that became one polynomial each</h3>${htmlTable(windowHead, windowRows(report))}`,
		layerErrors(report),
	].join('');
};
