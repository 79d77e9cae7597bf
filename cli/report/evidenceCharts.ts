import type { Confusion } from '../evidence/confusion.ts';
import type { LayerEvidence } from '../evidence/evidence.ts';
import type { OutputEvidence, SampleError } from '../evidence/outputs.ts';
import { formatNumber } from '../output.ts';
import { escapeHtml, px, shortened } from './html.ts';
import { scatterChart } from './scatter.ts';

const WIDTH = 800;
const LABEL = 200;

/** Bits of a relative error; undefined without any. */
const bitsOf = (part: number | null): number | undefined =>
	part === null || part <= 0 ? undefined : Math.max(0, -Math.log2(part));

/** Two bars for each layer: the bits that polynomials leave right, and below them those that noise does. */
export const stepChart = (layers: readonly LayerEvidence[]): string => {
	if (layers.length === 0) return '';
	const row = 30;
	const rows = layers.map(({ origin, approximation, bits }) => ({
		...{ origin, polynomials: bitsOf(approximation), noise: bits ?? undefined },
	}));
	const most = rows.reduce((a, { polynomials = 0, noise = 0 }) => Math.max(a, polynomials, noise), 1);
	const bar = (kind: string, value: number | undefined, y: number): string => {
		if (value === undefined) return '';
		const w = (value / most) * (WIDTH - LABEL - 60);
		return `<rect class="${kind}" x="${LABEL}" y="${y}" width="${px(w)}" height="11" rx="2"/><text class="left small" x="${px(LABEL + w + 8)}" y="${y + 10}">${formatNumber(Number(value.toFixed(1)))}</text>`;
	};
	const bars = rows.map(({ origin, polynomials, noise }, i) => {
		const y = i * row + 3;
		return `<text class="left" x="0" y="${y + 15}">${escapeHtml(shortened(origin, 28))}</text>${bar('level', polynomials, y)}${bar('noise', noise, y + 12)}`;
	});
	return `<div class="scroll"><svg class="chart wide" viewBox="0 0 ${WIDTH} ${layers.length * row}" role="img" aria-label="bits of precision of each layer">${bars.join('')}</svg></div>`;
};

/** The counts of a confusion matrix as a picture: rows what is right, columns what was decided; mistakes in the colour of warnings. */
export const confusionChart = ({ classes, found }: Confusion): string => {
	const count = classes.length;
	const side = Math.max(14, Math.min(46, Math.floor(600 / Math.max(count, 1))));
	const size = 60 + count * side;
	const most = found.flat().reduce((a, b) => Math.max(a, b), 1);
	const every = Math.ceil(count / 30);
	const cells = found.flatMap((row, i) =>
		row.map((value, j) => {
			if (value === 0) return '';
			const [x, y] = [50 + j * side, 30 + i * side];
			const opacity = (0.12 + 0.75 * Math.sqrt(value / most)).toFixed(2);
			const text = side < 24 ? '' : `<text class="small" x="${x + side / 2}" y="${y + side / 2 + 4}">${value}</text>`;
			return `<rect class="${i === j ? 'cell' : 'cell noise'}" style="opacity:${opacity}" x="${x}" y="${y}" width="${side - 1}" height="${side - 1}"><title>${value} of class ${classes[i]} found to be ${classes[j]}</title></rect>${text}`;
		}),
	);
	const names = classes.flatMap((name, i) =>
		i % every === 0
			? [
					`<text class="small" x="${50 + (i + 0.5) * side}" y="24">${formatNumber(name)}</text>`,
					`<text class="small right" x="44" y="${30 + (i + 0.5) * side + 4}">${formatNumber(name)}</text>`,
				]
			: [],
	);
	return `<div class="scroll"><svg class="chart" style="max-width:${size}px" viewBox="0 0 ${size} ${size - 20}" role="img" aria-label="confusion matrix">${names.join('')}${cells.join('')}</svg></div>`;
};

/** Points that are drawn: those of the smallest margins, which matter. */
const MOST_POINTS = 4000;

/** How far each decision is ahead in the clear against the error there: below the dashed line of equals no error can flip it. */
export const marginChart = (
	samples: readonly SampleError[],
	{ predictedError }: OutputEvidence['precision'],
): string => {
	const known = samples.filter((sample) => sample.margin !== null && sample.error > 0);
	const nearest = known.toSorted((a, b) => (a.margin ?? 0) - (b.margin ?? 0)).slice(0, MOST_POINTS);
	const dots = nearest.map(({ margin, error, clear, found }) => ({
		...{ x: margin ?? Number.NaN, y: error, marked: clear !== found },
	}));
	return scatterChart(dots, {
		title: 'error against margin of each sample',
		x: { name: 'margin in the clear', log: true },
		y: { name: 'largest error', log: true },
		guides: [
			{ name: 'error = margin / 2', of: (margin) => margin / 2 },
			{ name: 'predicted error', of: () => predictedError },
		],
		...(predictedError > 0 ? { reach: predictedError } : {}),
	});
};

/** Values that were found against what they should be. */
export const valueChart = (targets: readonly Float64Array[], found: readonly Float64Array[]): string => {
	const dots = targets.flatMap((row, i) => Array.from(row, (x, k) => ({ x, y: found[i]?.[k] ?? Number.NaN })));
	return scatterChart(dots.slice(0, MOST_POINTS), {
		title: 'values found against targets',
		x: { name: 'target' },
		y: { name: 'found' },
		guides: [{ name: 'equal', of: (x) => x }],
	});
};
