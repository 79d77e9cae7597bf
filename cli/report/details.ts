import type { LayerReport } from '../../compiler/report/layers.ts';
import type { Report } from '../../compiler/report.ts';
import { formatTime } from '../output.ts';
import { countsText, layerAnchor, levelsText } from './graph.ts';
import { escapeHtml, htmlTable } from './html.ts';
import { consideredHead, consideredRows, kindText } from './tables.ts';

const operationHead = ['operation', 'level', 'scale', 'number', 'ms'];

/** One layer, folded: what it is made of, and between what it was chosen. */
const layerDetails = (layer: LayerReport, index: number): string => {
	const { origin, shape, layoutText, operations, considered, milliseconds, bits } = layer;
	const facts = [
		`${kindText(layer)}, level ${levelsText(layer)}`,
		`${layoutText}`,
		...(bits > 0 ? [`${bits} bits of precision`] : []),
	].join('; ');
	const rows = operations.map((group) => [
		...[group.kind, group.level, `2^${group.scaleBits}`, group.count, group.milliseconds],
	]);
	const ways =
		considered.length === 0
			? ''
			: `<h3>Ways that were compared</h3>${htmlTable(
					consideredHead,
					consideredRows(layer),
					(row) => considered[row]?.chosen ?? false,
				)}`;
	return `<details><summary><b>${escapeHtml(origin)}</b> <span>[${shape.join(', ')}] ${escapeHtml(countsText(layer))} ${formatTime(milliseconds)}</span></summary><div id="${layerAnchor(index)}"><p>${escapeHtml(facts)}</p>${rows.length === 0 ? '' : htmlTable(operationHead, rows)}${ways}</div></details>`;
};

export const allDetails = (layers: Report['layers']): string => layers.map(layerDetails).join('\n');
