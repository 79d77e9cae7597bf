import type { Report } from '../compiler/report.ts';
import { formatNumber } from './output.ts';
import { activationHead, activationRows, layerHead, layerRows, summaryRows } from './summary.ts';

const escapes: Readonly<Record<string, string>> = {
	'&': '&amp;',
	'<': '&lt;',
	'>': '&gt;',
	'"': '&quot;',
	"'": '&#39;',
};
const escapeHtml = (value: string | number): string =>
	(typeof value === 'number' ? formatNumber(value) : value).replace(
		/[&<>"']/g,
		(character) => escapes[character] ?? '',
	);

const cells = (tag: 'td' | 'th', row: readonly (string | number)[]): string =>
	row
		.map((cell) => `<${tag}${typeof cell === 'number' ? ' class="number"' : ''}>${escapeHtml(cell)}</${tag}>`)
		.join('');

const htmlTable = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string => {
	const header = head.length === 0 ? '' : `<thead><tr>${cells('th', head)}</tr></thead>`;
	return `<table>${header}<tbody>${rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n')}</tbody></table>`;
};

/** The primes side by side, as wide as they have bits: the last data prime is spent first, the special one never. */
const primeChain = (primes: readonly number[]): string => {
	const total = primes.reduce((sum, bits) => sum + bits, 0);
	const width = 800;
	let x = 0;
	const boxes = primes.map((bits, i) => {
		const w = (bits / total) * width;
		const kind = i === primes.length - 1 ? 'special' : i === 0 ? 'base' : 'level';
		const label = i === primes.length - 1 ? 'special prime' : `level ${i}`;
		const box = `<g><title>${label}: ${formatNumber(bits)} bits</title><rect class="${kind}" x="${x.toFixed(1)}" y="0" width="${(w - 2).toFixed(1)}" height="34" rx="3"/><text x="${(x + w / 2).toFixed(1)}" y="22">${formatNumber(bits)}</text></g>`;
		x += w;
		return box;
	});
	return `<svg viewBox="0 0 ${width} 34" role="img" aria-label="bits of each prime">${boxes.join('')}</svg>`;
};

/** A staircase: the level that is left after each layer. */
const levels = (layers: Report['layers'], top: number): string => {
	if (layers.length === 0) return '';
	const width = 800;
	const height = 160;
	const step = width / layers.length;
	const y = (level: number): number => 20 + ((top - level) / Math.max(top, 1)) * (height - 48);
	const path = layers
		.map(
			({ level }, i) =>
				`${i === 0 ? 'M' : 'L'}${(i * step).toFixed(1)} ${y(level).toFixed(1)}H${((i + 1) * step).toFixed(1)}`,
		)
		.join('');
	const every = Math.ceil(layers.length / 12);
	const labels = layers.map(({ origin, level }, i) =>
		i % every === 0
			? `<text x="${((i + 0.5) * step).toFixed(1)}" y="${(y(level) - 5).toFixed(1)}">${level}</text><text class="name" x="${((i + 0.5) * step).toFixed(1)}" y="${height - 6}">${escapeHtml(origin.length > 14 ? `${origin.slice(0, 13)}…` : origin)}</text>`
			: '',
	);
	return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="level after each layer"><path d="${path}"/>${labels.join('')}</svg>`;
};

/** A function (dashed) and the polynomial that replaces it, over the interval of the fit. */
const curve = ({ origin, fn, degree, curve: points }: Report['activations'][number]): string => {
	const [width, height] = [380, 190];
	const xs = points.map(([x]) => x);
	const ys = points.flatMap(([, exact, polynomial]) => [exact, polynomial]);
	const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
	const place = (x: number, y: number): string =>
		`${(10 + ((x - left) / (right - left)) * (width - 20)).toFixed(1)} ${(height - 28 - ((y - low) / (high - low || 1)) * (height - 48)).toFixed(1)}`;
	const line = (kind: string, of: 1 | 2): string =>
		`<path class="${kind}" d="M${points.map((point) => place(point[0], point[of])).join('L')}"/>`;
	const title = `${origin}: ${fn} and its polynomial of degree ${degree}`;
	return `<figure><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">${line('exact', 1)}${line('fitted', 2)}<text x="34" y="${height - 8}">${formatNumber(left)}</text><text x="${width - 34}" y="${height - 8}">${formatNumber(right)}</text></svg><figcaption>${escapeHtml(title)}</figcaption></figure>`;
};

/** Precision of each layer's result as a bar, in bits. */
const precisions = (layers: Report['layers']): string => {
	const [row, width, label] = [22, 800, 200];
	const most = Math.max(1, ...layers.map(({ bits }) => bits));
	const bars = layers.map(({ origin, bits }, i) => {
		const w = (Math.max(0, bits) / most) * (width - label - 60);
		const name = origin.length > 28 ? `${origin.slice(0, 27)}…` : origin;
		return `<text class="left" x="0" y="${i * row + 15}">${escapeHtml(name)}</text><rect class="level" x="${label}" y="${i * row + 3}" width="${w.toFixed(1)}" height="16" rx="2"/><text class="left" x="${(label + w + 8).toFixed(1)}" y="${i * row + 15}">${formatNumber(bits)}</text>`;
	});
	return `<svg viewBox="0 0 ${width} ${layers.length * row}" role="img" aria-label="bits of precision after each layer">${bars.join('')}</svg>`;
};

const style = `
:root { color-scheme: light dark; --line: #8884; --accent: #2b6cb0; --soft: #2b6cb033; --warn: #b7791f; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 860px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p.sub { color: #888; margin-top: .2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.number { text-align: right; }
svg { width: 100%; height: auto; }
svg text { font-size: 12px; text-anchor: middle; fill: currentColor; }
svg text.name { font-size: 10px; opacity: .7; }
rect.base { fill: var(--accent); opacity: .75; } rect.level { fill: var(--accent); opacity: .4; } rect.special { fill: #888; opacity: .4; }
path { fill: none; stroke: var(--accent); stroke-width: 2; }
path.exact { stroke: currentColor; stroke-width: 1.5; stroke-dasharray: 4 3; opacity: .6; }
svg text.left { text-anchor: start; }
figure { display: inline-block; width: 48%; margin: 0 1% 1rem 0; } figcaption { font-size: .85rem; color: #888; text-align: center; }
.warning { border-left: 3px solid var(--warn); padding: .3rem .8rem; margin: .5rem 0; }
`;

/** The report as one page without external resources; every text from the model is escaped. */
export const reportHtml = (report: Report): string => {
	const { model, parameters, layers, activations } = report;
	const ports = (list: readonly { readonly name: string; readonly shape: readonly number[] }[]): string =>
		list.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');
	const section = (title: string, content: string): string =>
		content === '' ? '' : `<section><h2>${title}</h2>${content}</section>`;
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(model.name)}: onnx-seal report</title><style>${style}</style></head><body>
<h1>${escapeHtml(model.name)}</h1>
<p class="sub">${escapeHtml(ports(model.inputs))} → ${escapeHtml(ports(model.outputs))}</p>
${report.warnings.map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`).join('\n')}
${section('Program', htmlTable([], summaryRows(report)))}
${section('Primes, in bits', primeChain(parameters.primes))}
${section('Level after each layer', levels(layers, parameters.level))}
${section('Precision after each layer, in bits', layers.length === 0 ? '' : precisions(layers))}
${section('Layers', layers.length === 0 ? '' : htmlTable(layerHead, layerRows(report)))}
${section('Activations', activations.length === 0 ? '' : htmlTable(activationHead, activationRows(report)) + activations.map(curve).join(''))}
</body></html>
`;
};
