import type { Report } from '../compiler/report.ts';
import type { Comparison, Goal } from './decisions.ts';
import type { Evidence, Gathered } from './evidence/evidence.ts';
import type { Regression } from './evidence/regression.ts';
import type { Port } from './model.ts';
import { curveChart } from './report/charts.ts';
import { confusionChart, marginChart, stepChart, valueChart } from './report/evidenceCharts.ts';
import {
	comparisonRows,
	evidenceRows,
	excursionHead,
	excursionRows,
	flipHead,
	flipRows,
	stepHead,
	stepRows,
	worstHead,
	worstRows,
} from './report/evidenceTables.ts';
import { escapeHtml, htmlTable, section } from './report/html.ts';
import { inputPicture } from './report/inputPicture.ts';
import { style } from './report/style.ts';
import { portsText, summaryRows } from './summary.ts';

type Inputs = ReadonlyMap<string, Float64Array>;

/** What the page is about: a run, and what was found. */
export type EvidencePage = {
	readonly report: Report;
	/** Was the model compiled just now? Then its report is not one that was read from a file. */
	readonly fresh: boolean;
	readonly backend: string;
	readonly comparison: Comparison;
	readonly regression: Regression | null;
	readonly warnings: readonly string[];
	readonly goal: Goal;
	/** Values of the output after what the client does. */
	readonly found: readonly Float64Array[];
	readonly samples: readonly Inputs[];
	readonly ports: readonly Port[];
	/** Undefined where nothing was compared with. */
	readonly known: Gathered | undefined;
};

/** Pictures of flipped inputs, at most. */
const MOST_PICTURES = 24;

const note = (text: string): string => `<p class="note">${escapeHtml(text)}</p>`;

const legend = (...entries: readonly (readonly [name: string, color: string])[]): string =>
	`<p class="legend">${entries.map(([name, color]) => `<span><i style="background:${color}"></i>${escapeHtml(name)}</span>`).join('')}</p>`;

const marginSection = ({ evidence, samples }: Gathered): string => {
	const chart = marginChart(samples, evidence.precision);
	return chart === ''
		? ''
		: note(
				'Each point is a sample: by how much its class is ahead of the next in the clear, and its largest error. Only left of the dashed line can an error change the decision; samples that flipped are marked.',
			) + chart;
};

const flipSection = (evidence: Evidence): string => {
	const { flipped, flipsBeyond } = evidence;
	if (flipped.length === 0) return '';
	const text = `${flipped.length} decisions differ from those in the clear, ${flipsBeyond} of them by more than the predicted error explains. The margin is that between the two classes, in the clear.`;
	return note(text) + htmlTable(flipHead, flipRows(evidence), (row) => flipRows(evidence)[row]?.at(-1) === 'yes');
};

const pictureSection = ({ flipped }: Evidence, { samples, ports }: EvidencePage): string => {
	const [port] = ports;
	if (port === undefined) return '';
	const pictures = flipped.slice(0, MOST_PICTURES).map(({ sample, label, clear, found }) => {
		const values = samples[sample]?.get(port.name) ?? new Float64Array();
		return inputPicture(port, values, `sample ${sample}: ${clear} became ${found}, right is ${label}`);
	});
	return pictures.join('') === '' ? '' : `<div class="gallery">${pictures.join('\n')}</div>`;
};

const layerSection = (evidence: Evidence): string =>
	evidence.layers.length === 0
		? ''
		: [
				note(
					`Precision of each layer in bits: polynomials against the model itself, by the relative rms error on ${evidence.layerSamples} samples, and the simulated noise of encryption, by the largest error.`,
				),
				legend(['polynomials', 'var(--accent)'], ['noise of encryption', 'var(--warn)']),
				stepChart(evidence.layers),
				htmlTable(stepHead, stepRows(evidence)),
			].join('');

const activationSection = (evidence: Evidence, { report, fresh }: EvidencePage): string => {
	if (!fresh || evidence.excursions.length === 0) return '';
	const seen = [...evidence.excursions];
	const charts = report.activations.map((fit) => {
		// In the order of the fits, each once.
		const at = seen.findIndex(({ origin }) => origin === fit.origin);
		const [watched] = at < 0 ? [] : seen.splice(at, 1);
		return curveChart(fit, watched?.histogram);
	});
	return [
		note(
			`Functions (dashed) and the polynomials in their place, before the values that ${evidence.watchedSamples} of the evaluated samples have there (square roots of how often they occur).`,
		),
		charts.join(''),
		htmlTable(excursionHead, excursionRows(evidence)),
	].join('');
};

const regressionSection = ({ goal, found }: EvidencePage): string =>
	goal.kind === 'values' ? valueChart(goal.targets, found) : '';

const evidenceSections = (known: Gathered, page: EvidencePage): string => {
	const { evidence } = known;
	return [
		section('Errors', htmlTable([], evidenceRows(evidence))),
		section('Margins', marginSection(known)),
		section('Flipped decisions', flipSection(evidence)),
		section('Inputs that flipped', pictureSection(evidence, page)),
		section(
			'Confusion matrix',
			evidence.confusion === null
				? ''
				: note('Rows: what is right. Columns: what was decided.') + confusionChart(evidence.confusion),
		),
		section('Layer by layer', layerSection(evidence)),
		section('Activations', activationSection(evidence, page)),
		section('Samples of the largest errors', htmlTable(worstHead, worstRows(evidence.worst))),
	].join('\n');
};

/** What an evaluation found as one page without scripts and external resources; every text from the model is escaped. */
export const evidenceHtml = (page: EvidencePage): string => {
	const { report, backend, comparison, regression, warnings, known } = page;
	const { model } = report;
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(model.name)}: onnx-seal evaluation</title><style>${style}</style></head><body>
<h1>${escapeHtml(model.name)}</h1>
<p class="sub">${escapeHtml(portsText(model.inputs))} → ${escapeHtml(portsText(model.outputs))}, ${comparison.samples} samples on ${escapeHtml(backend)}</p>
${warnings.map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`).join('\n')}
${section('Result', htmlTable([], comparisonRows(comparison, regression)))}
${section('Values', regressionSection(page))}
${known === undefined ? '' : evidenceSections(known, page)}
${section('Program', htmlTable([], summaryRows(report)))}
</body></html>
`;
};
