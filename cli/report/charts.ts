import type { Report } from '../../compiler/report.ts';
import { formatNumber } from '../output.ts';
import { escapeHtml, px, shortened } from './html.ts';

const WIDTH = 800;

/** The primes side by side, as wide as they have bits: the last data prime is spent first, the special one never. */
export const primeChart = (primes: readonly number[]): string => {
	const boxes = primes.map((bits, i) => {
		const special = i === primes.length - 1;
		const kind = special ? 'special' : i === 0 ? 'base' : 'level';
		const title = `${special ? 'special prime' : `level ${i}`}: ${formatNumber(bits)} bits`;
		return `<span class="${kind}" style="flex:${formatNumber(bits)}" title="${title}">${Math.round(bits)}</span>`;
	});
	return `<div class="primes">${boxes.join('')}</div>`;
};

/** A staircase: the level that is left after each layer. */
export const levelChart = (layers: Report['layers'], top: number): string => {
	if (layers.length === 0) return '';
	const height = 160;
	const step = WIDTH / layers.length;
	const y = (level: number): number => 20 + ((top - level) / Math.max(top, 1)) * (height - 48);
	const path = layers
		.map(({ level }, i) => `${i === 0 ? 'M' : 'L'}${px(i * step)} ${px(y(level))}H${px((i + 1) * step)}`)
		.join('');
	const every = Math.ceil(layers.length / 12);
	const labels = layers.map(({ origin, level }, i) => {
		if (i % every !== 0) return '';
		const x = px((i + 0.5) * step);
		const name = escapeHtml(shortened(origin, Math.max(4, Math.floor((every * step) / 6.5))));
		return `<text x="${x}" y="${px(y(level) - 5)}">${level}</text><text class="name" x="${x}" y="${height - 6}">${name}</text>`;
	});
	return `<div class="scroll"><svg class="chart wide" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="level after each layer"><path d="${path}"/>${labels.join('')}</svg></div>`;
};

/** How often values lie in each part of an interval, as bars from the left to the right of a chart. */
const histogramBars = (counts: readonly number[], width: number, height: number): string => {
	const most = counts.reduce((a, b) => Math.max(a, b), 1);
	const step = (width - 20) / counts.length;
	return counts
		.map((count, i) => {
			const h = (Math.sqrt(count / most) * (height - 48)).toFixed(1);
			return count === 0
				? ''
				: `<rect class="data" x="${px(10 + i * step)}" y="${px(height - 28 - Number(h))}" width="${px(step)}" height="${h}"/>`;
		})
		.join('');
};

/** A function (dashed) and the polynomial that replaces it, over the interval of the fit, before the square roots of how often values lie there. */
export const curveChart = (
	{ origin, fn, degree, curve: points }: Report['activations'][number],
	histogram: readonly number[] = [],
): string => {
	const [width, height] = [380, 190];
	const xs = points.map(([x]) => x);
	const ys = points.flatMap(([, exact, polynomial]) => [exact, polynomial]);
	const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
	const place = (x: number, y: number): string =>
		`${px(10 + ((x - left) / (right - left)) * (width - 20))} ${px(height - 28 - ((y - low) / (high - low || 1)) * (height - 48))}`;
	const line = (kind: string, of: 1 | 2): string =>
		`<path class="${kind}" d="M${points.map((point) => place(point[0], point[of])).join('L')}"/>`;
	const title = `${origin}: ${fn} and its polynomial of degree ${degree}`;
	return `<figure class="curve"><svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">${histogramBars(histogram, width, height)}${line('exact', 1)}${line('fitted', 2)}<text x="34" y="${height - 8}">${formatNumber(left)}</text><text x="${width - 34}" y="${height - 8}">${formatNumber(right)}</text></svg><figcaption>${escapeHtml(title)}</figcaption></figure>`;
};

/** Precision of each layer's result as a bar, in bits. */
export const precisionChart = (layers: Report['layers']): string => {
	if (layers.length === 0) return '';
	const most = Math.max(1, ...layers.map(({ bits }) => bits));
	const bars = layers.map(({ origin, bits }) => {
		const width = px((Math.max(0, bits) / most) * 100);
		return `<span>${escapeHtml(shortened(origin, 28))}</span><div><i style="width:${width}%"></i></div><b>${formatNumber(bits)}</b>`;
	});
	return `<div class="bars">${bars.join('')}</div>`;
};
