import type { LayerReport } from '../../compiler/report/layers.ts';
import type { Report } from '../../compiler/report.ts';
import { formatNumber, formatTime } from '../output.ts';
import { escapeHtml, px, shortened } from './html.ts';
import { layered, type Point, pathOf, type Size } from './layered.ts';
import { kindText } from './tables.ts';

const LAYER: Size = { width: 236, height: 78 };
const OUTPUT: Size = { width: 140, height: 28 };
const GAPS = { column: 24, row: 40 };
const MARGIN = 8;

/** The name of the element with the details of a layer. */
export const layerAnchor = (layer: number): string => `layer-${layer}`;

/** `3`, or `10 to 2` where operations of the layer are at several levels. */
export const levelsText = ({ level, operations }: LayerReport): string => {
	const levels = operations.map((group) => group.level);
	const [high, low] = [Math.max(level, ...levels), Math.min(level, ...levels)];
	return high === low ? String(level) : `${high} to ${low}`;
};

/** Key switches and products of a layer in words, only what there is. */
export const countsText = (layer: LayerReport): string =>
	(
		[
			[layer.rotations, 'rot'],
			[layer.relinearizations, 'relin'],
			[layer.products, 'mul'],
			[layer.plainProducts, 'plain mul'],
			[layer.rescales, 'rescale'],
		] as const
	)
		.filter(([count]) => count > 0)
		.map(([count, name]) => `${count} ${name}`)
		.join(' · ');

/** As many of the counts as fit; the details have all of them. */
const leading = (counts: string, length: number): string => {
	if (counts.length <= length) return counts;
	return `${counts.slice(0, counts.lastIndexOf(' · ', length - 3))} · …`;
};

const textLine = (x: number, y: number, text: string, kind: string): string =>
	`<text class="${kind}" x="${px(x)}" y="${px(y)}">${escapeHtml(text)}</text>`;

const layerBox = (layer: LayerReport, index: number, { x, y }: Point, share: number): string => {
	const [left, top] = [x - LAYER.width / 2, y - LAYER.height / 2];
	const place = `level ${levelsText(layer)} · scale 2^${formatNumber(Math.round(layer.scaleBits))} · ${formatTime(layer.milliseconds)}`;
	const lines = [
		textLine(left + 10, top + 18, shortened(layer.origin, 32), 'left strong'),
		textLine(left + 10, top + 35, shortened(kindText(layer), 38), 'left name'),
		textLine(left + 10, top + 52, shortened(place, 40), 'left'),
		textLine(left + 10, top + 68, leading(countsText(layer), 42), 'left name'),
	].join('');
	const title = `${layer.origin}: ${kindText(layer)}; ${layer.layoutText}; ${countsText(layer)}`;
	const box = (kind: string, opacity: string): string =>
		`<rect class="${kind}"${opacity} x="${px(left)}" y="${px(top)}" width="${LAYER.width}" height="${LAYER.height}" rx="6"/>`;
	return `<a href="#${layerAnchor(index)}" data-layer="${index}"><title>${escapeHtml(title)}</title>${box('cost', ` fill-opacity="${(0.06 + 0.5 * share).toFixed(2)}"`)}${box('frame', '')}${lines}</a>`;
};

const outputBox = (name: string, { x, y }: Point): string =>
	`<g><title>output ${escapeHtml(name)}</title><rect class="end" x="${px(x - OUTPUT.width / 2)}" y="${px(y - OUTPUT.height / 2)}" width="${OUTPUT.width}" height="${OUTPUT.height}" rx="14"/><text x="${px(x)}" y="${px(y + 4)}">${escapeHtml(shortened(name, 18))}</text></g>`;

/** Beside the head of the link, on the side that it does not come from; one ciphertext goes without saying. */
const ciphertextLabel = (points: readonly Point[], ciphertexts: number): string => {
	if (ciphertexts === 1) return '';
	const { x, y } = points.at(-1) as Point;
	const from = points.findLast((point) => point.x !== x);
	const toLeft = (from?.x ?? x) > x;
	const beside = toLeft ? x - 9 : x + 9;
	return `<text class="name ${toLeft ? 'right' : 'left'}" x="${px(beside)}" y="${px(y - 8)}">${ciphertexts} ct</text>`;
};

/**
 * The layers as boxes from the inputs at the top to the outputs at the bottom, the darker the more time they take; links carry the
 * number of ciphertexts where it is more than one. Every box leads to the details of its layer.
 */
export const layerGraph = (layers: Report['layers']): string => {
	const ends = layers.flatMap(({ outputs, ciphertexts }, from) => outputs.map((name) => ({ name, from, ciphertexts })));
	const links = [
		...layers.flatMap(({ reads }, to) => reads.map(({ layer, ciphertexts }) => ({ from: layer, to, ciphertexts }))),
		...ends.map(({ from, ciphertexts }, k) => ({ from, to: layers.length + k, ciphertexts })),
	];
	const drawing = layered([...layers.map(() => LAYER), ...ends.map(() => OUTPUT)], links, GAPS);
	const most = Math.max(1e-9, ...layers.map(({ milliseconds }) => milliseconds));
	const paths = links.map(({ from, to, ciphertexts }, k) => {
		const points = drawing.links[k] as readonly Point[];
		const { x, y } = points.at(-1) as Point;
		const end = `${px(x)} ${px(y)}l-3.5 -7h7z`;
		const label = ciphertextLabel(points, ciphertexts);
		return `<g data-from="${from}" data-to="${to}"><path class="link" d="${pathOf(points)}"/><path class="arrow" d="M${end}"/>${label}</g>`;
	});
	const boxes = layers.map((layer, k) => layerBox(layer, k, drawing.boxes[k] as Point, layer.milliseconds / most));
	const outputs = ends.map(({ name }, k) => outputBox(name, drawing.boxes[layers.length + k] as Point));
	const [width, height] = [drawing.width + 2 * MARGIN, drawing.height + 2 * MARGIN];
	return `<div class="scroll"><svg class="graph" width="${px(width)}" height="${px(height)}" viewBox="${-MARGIN} ${-MARGIN} ${px(width)} ${px(height)}" role="img" aria-label="layers and what they read">${paths.join('\n')}${boxes.join('\n')}${outputs.join('')}</svg></div>`;
};
