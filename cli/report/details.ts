import type { LayerReport, OperationGroup } from '../../compiler/report/layers.ts';
import type { Report } from '../../compiler/report.ts';
import { formatTime } from '../output.ts';
import { countsText, layerAnchor, levelsText } from './graph.ts';
import { escapeHtml, htmlTable } from './html.ts';
import { consideredHead, consideredRows, kindText } from './tables.ts';

const operationHead = ['operation', 'level', 'scale', 'number', 'ms'];

/** Operations in the words of the page. */
const OPERATIONS: { readonly [K in OperationGroup['kind']]: string } = {
	input: 'load an input',
	rotate: 'rotation',
	add: 'sum',
	subtract: 'difference',
	negate: 'negation',
	addPlain: 'sum with a plaintext',
	multiplyPlain: 'product with a plaintext',
	multiply: 'product',
	combine: 'sum of products with numbers',
	relinearize: 'relinearization',
	rescale: 'rescale',
	modSwitch: 'drop to a lower level',
};

/** One layer, folded: what it is made of, and between what it was chosen. */
const layerDetails = (layer: LayerReport, index: number): string => {
	const { origin, shape, layoutText, operations, considered, milliseconds, bits } = layer;
	const facts = [
		`${kindText(layer)}, level ${levelsText(layer)}`,
		`${layoutText}`,
		...(bits > 0 ? [`${bits} bits of precision`] : []),
	].join('; ');
	const rows = operations.map((group) => [
		...[OPERATIONS[group.kind], group.level, `2^${group.scaleBits}`, group.count, group.milliseconds],
	]);
	const ways =
		considered.length === 0
			? ''
			: `<h3>Ways that were compared</h3><p class="note">Layers are chosen together: one that is dearer by itself may be cheaper with those around it.</p>${htmlTable(
					consideredHead,
					consideredRows(layer),
					(row) => considered[row]?.chosen ?? false,
				)}`;
	return `<details><summary><b>${escapeHtml(origin)}</b> <span>[${shape.join(', ')}] ${escapeHtml(countsText(layer))} ${formatTime(milliseconds)}</span></summary><div id="${layerAnchor(index)}"><p>${escapeHtml(facts)}</p>${rows.length === 0 ? '' : htmlTable(operationHead, rows)}${ways}</div></details>`;
};

export const allDetails = (layers: Report['layers']): string => layers.map(layerDetails).join('\n');
