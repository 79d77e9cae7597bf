import type { CkksCircuit } from '../compiler/ckks/circuit.ts';
import type { Report } from '../compiler/report.ts';
import { formatBytes } from './output.ts';
import { accuracySection } from './report/accuracy.ts';
import { curveChart, levelChart, precisionChart, primeChart } from './report/charts.ts';
import { circuitGraph } from './report/circuit.ts';
import { allDetails } from './report/details.ts';
import { partiesSection, type ShownReport, securitySection } from './report/exposure.ts';
import { glance } from './report/glance.ts';
import { layerGraph } from './report/graph.ts';
import { contents, escapeHtml, htmlTable, section } from './report/html.ts';
import { slotFigure } from './report/slots.ts';
import { style } from './report/style.ts';
import {
	activationHead,
	activationRows,
	composedHead,
	composedRows,
	costHead,
	costRows,
	keyHead,
	keyRows,
	layerHead,
	layerRows,
	memoryRows,
	tradeoffHead,
	tradeoffNote,
	tradeoffRows,
} from './report/tables.ts';
import { wordsOf } from './report/words.ts';
import { portsText, summaryRows } from './summary.ts';

/** What the bits of the modulus are for, and what would make it smaller. */
const whyList = ({ parameters }: Report): string => {
	const list = (lines: readonly string[]): string =>
		`<ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul>`;
	const { text } = parameters.why;
	const levels = text.filter((line) => LEVEL_LINE.test(line));
	if (levels.length <= MOST_LEVELS) return list(text);
	const others = text.filter((line) => !LEVEL_LINE.test(line));
	return list(others) + folded(`what each of ${levels.length} levels is for`, list(levels));
};

/** More of these lines are folded: a deep network has dozens. */
const MOST_LEVELS = 6;
const LEVEL_LINE = /^[\d.]+ bits at level /;

const graphSection = (layers: Report['layers']): string =>
	layers.length === 0
		? ''
		: `<p class="note">The more colour a layer has, the more of the predicted time it takes. A click shows its details.</p>${layerGraph(layers)}${wordsOf(layers)}`;

const slotsSection = (layers: Report['layers']): string =>
	layers.length === 0
		? ''
		: `<p class="note">Slots of each ciphertext, row by row: an element of the tensor is one colour, from red for the first to magenta for the last; grey slots hold leftovers, empty ones zero.</p><div class="gallery">${layers.map(slotFigure).join('\n')}</div>`;

const tradeoffSection = ({ tradeoffs = [] }: Report): string =>
	tradeoffs.length === 0
		? ''
		: `<p class="note">${escapeHtml(tradeoffNote)}</p>${htmlTable(tradeoffHead, tradeoffRows(tradeoffs), (row) => tradeoffs[row]?.chosen ?? false)}`;

const curveNote =
	'<p class="note">Dashed: the function; coloured: its polynomial; behind them, how often values lie there, as square roots of counts. The largest error is that over the interval, the mean one (rms) that of the calibration values, where there are any.</p>';

const folded = (summary: string, content: string): string =>
	`<details><summary>${escapeHtml(summary)}</summary>${content}</details>`;

const memoryNote =
	'<p class="note">Context: tables that follow from the parameters. Constants: encoded weights. Ciphertexts: values that are alive at once. Temporaries: what single operations need.</p>';

const keySection = (report: Report): string => {
	const { keys, memory } = report;
	const composed = composedRows(report);
	return [
		folded(`evaluation keys: ${keys.count}, ${formatBytes(keys.bytes)}`, htmlTable(keyHead, keyRows(report))),
		composed.length === 0
			? ''
			: folded(`${composed.length} rotations without a key of their own`, htmlTable(composedHead, composed)),
		folded(`memory of the server, ${formatBytes(memory.total)}`, memoryNote + htmlTable([], memoryRows(report))),
	].join('');
};

const circuitSection = (circuit: CkksCircuit | undefined): string => {
	const graph = circuit === undefined ? '' : circuitGraph(circuit);
	return graph === ''
		? ''
		: folded(`${circuit?.ops.length} operations, from the inputs at the top to the outputs with a bold frame`, graph);
};

const sections = (report: ShownReport, circuit: CkksCircuit | undefined): string => {
	const { parameters, layers, activations } = report;
	return `${section('Layers', graphSection(layers))}
${section('Program', htmlTable([], summaryRows(report)))}
${section('Primes, in bits', primeChart(parameters.primes) + whyList(report))}
${section(report.measured === undefined ? 'Predicted' : 'Predicted and measured', htmlTable(costHead(report), costRows(report)))}
${section('Objectives', tradeoffSection(report))}
${section('Layers in numbers', layers.length === 0 ? '' : htmlTable(layerHead(report), layerRows(report)))}
${section('Layers in detail', allDetails(layers))}
${section('Slots', slotsSection(layers))}
${section('Level after each layer', levelChart(layers, parameters.level))}
${section('Precision after each layer, in bits', precisionChart(layers))}
${section('Keys and memory', keySection(report))}
${section('Who sees what', partiesSection(report))}
${section('Security', securitySection(report))}
${section('Accuracy against levels', accuracySection(report.accuracy))}
${section('Activations', activations.length === 0 ? '' : curveNote + htmlTable(activationHead, activationRows(report)) + activations.map((fit) => curveChart(fit, fit.histogram)).join(''))}
${section('Operations on ciphertexts', circuitSection(circuit))}`;
};

/**
 * The report as one page without scripts and external resources; every text from the model is escaped. With the circuit, and if
 * that is small, each of its operations is drawn too.
 */
export const reportHtml = (report: ShownReport, circuit?: CkksCircuit): string => {
	const { model } = report;
	const body = sections(report, circuit);
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(model.name)}: onnx-seal report</title><style>${style}</style></head><body>
<h1>${escapeHtml(model.name)}</h1>
<p class="sub">${escapeHtml(portsText(model.inputs))} → ${escapeHtml(portsText(model.outputs))}</p>
${report.warnings.map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`).join('\n')}
${glance(report)}
${contents(body)}
${body}
</body></html>
`;
};
