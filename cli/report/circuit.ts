import type { CkksCircuit, Op } from '../../compiler/ckks/circuit.ts';
import { operandsOf } from '../../compiler/slots/circuit.ts';
import { escapeHtml, px, shortened } from './html.ts';
import { layered, type Point, pathOf } from './layered.ts';

/** Operations of a circuit that is still drawn. */
const MOST_OPERATIONS = 300;

const BOX = { width: 64, height: 24 };
const GAPS = { column: 10, row: 18 };
const MARGIN = 4;

const labelOf = (op: Op): string => {
	switch (op.kind) {
		case 'input':
			return `${shortened(op.name, 6)}[${op.part}]`;
		case 'rotate':
			return `rot ${op.steps}`;
		case 'add':
			return '+';
		case 'subtract':
			return '−';
		case 'negate':
			return '−x';
		case 'addPlain':
			return '+ plain';
		case 'multiplyPlain':
			return '× plain';
		case 'multiply':
			return op.a === op.b ? 'x²' : '×';
		case 'combine':
			return `Σ c x (${op.terms.length})`;
		case 'relinearize':
			return 'relin';
		case 'rescale':
			return 'rescale';
		case 'modSwitch':
			return 'switch';
	}
};

/**
 * Every operation of the circuit as a box, its colour by the level of its result; the names of the outputs are at the end. Empty for
 * circuits that are too large to be read.
 */
export const circuitGraph = ({ ops, outputs, parameters }: CkksCircuit): string => {
	if (ops.length > MOST_OPERATIONS) return '';
	const links = ops.flatMap((op, to) => [...new Set(operandsOf(op))].map((from) => ({ from, to })));
	const drawing = layered(
		ops.map(() => BOX),
		links,
		GAPS,
	);
	const results = new Set(outputs.flatMap(({ parts }) => parts));
	const hueOf = (level: number): number => Math.round((level / Math.max(1, parameters.primes.length - 1)) * 270);
	const boxes = ops.map((op, id) => {
		const { x, y } = drawing.boxes[id] as Point;
		const title = `%${id} ${op.kind} of ${op.origin}: level ${op.level}, scale 2^${Math.log2(op.scale).toFixed(2)}`;
		const fill = `style="fill:hsl(${hueOf(op.level)} 65% 50% / .35)"`;
		const kind = results.has(id) ? 'frame result' : 'frame';
		return `<g data-op="${id}"><title>${escapeHtml(title)}</title><rect class="${kind}" ${fill} x="${px(x - BOX.width / 2)}" y="${px(y - BOX.height / 2)}" width="${BOX.width}" height="${BOX.height}" rx="4"/><text class="small" x="${px(x)}" y="${px(y + 4)}">${escapeHtml(labelOf(op))}</text></g>`;
	});
	const paths = drawing.links.map((points) => `<path class="link" d="${pathOf(points)}"/>`);
	const levels = parameters.primes.map(
		(_, level) => `<span><i style="background:hsl(${hueOf(level)} 65% 50% / .35)"></i>level ${level}</span>`,
	);
	const [width, height] = [drawing.width + 2 * MARGIN, drawing.height + 2 * MARGIN];
	return `<p class="legend">${levels.reverse().join('')}</p><div class="scroll"><svg class="graph" width="${px(width)}" height="${px(height)}" viewBox="${-MARGIN} ${-MARGIN} ${px(width)} ${px(height)}" role="img" aria-label="operations on ciphertexts">${paths.join('')}${boxes.join('\n')}</svg></div>`;
};
