export type Series = { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] };
type Plot = { readonly title: string; readonly series: readonly Series[] };

const WIDTH = 440;
const HEIGHT = 320;
const MARGIN = { left: 60, right: 40, top: 40, bottom: 50 };
const COLOURS = ['#1f6feb', '#d1570d', '#2f8f4e', '#8250df'];

/** Decades from the one below the least to the one above the largest. */
const decades = (values: readonly number[]): readonly number[] => {
	const low = Math.floor(Math.log10(Math.min(...values)));
	const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
	return Array.from({ length: high - low + 1 }, (_, k) => 10 ** (low + k));
};

const scaleTo = (ticks: readonly number[], from: number, to: number): ((value: number) => number) => {
	const [low, high] = [Math.log10(ticks[0] ?? 1), Math.log10(ticks.at(-1) ?? 10)];
	return (value) => from + ((to - from) * (Math.log10(value) - low)) / (high - low);
};

const text = (x: number, y: number, anchor: string, content: string): string =>
	`<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${content}</text>`;
const line = (x1: number, y1: number, x2: number, y2: number): string =>
	`<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#ddd"/>`;

const panel = ({ title, series }: Plot, xLabel: string, left: number): string => {
	const points = series.flatMap((one) => one.points);
	const [xTicks, yTicks] = [decades(points.map(([x]) => x)), decades(points.map(([, y]) => y))];
	const [start, end] = [left + MARGIN.left, left + WIDTH - MARGIN.right];
	const [bottom, top] = [HEIGHT - MARGIN.bottom, MARGIN.top];
	const xAt = scaleTo(xTicks, start, end);
	const yAt = scaleTo(yTicks, bottom, top);
	const curves = series.map(({ name, points }, k) => {
		const colour = COLOURS[k % COLOURS.length];
		const places = points.map(([x, y]) => [xAt(x).toFixed(1), yAt(y).toFixed(1)] as const);
		return [
			`<polyline points="${places.map((place) => place.join(',')).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
			...places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="${colour}"/>`),
			`<g fill="${colour}">${text(start + 8, top + 16 + 16 * k, 'start', name)}</g>`,
		].join('\n');
	});
	return [
		text((start + end) / 2, 20, 'middle', title),
		text((start + end) / 2, HEIGHT - 12, 'middle', xLabel),
		...xTicks.map(
			(tick) => line(xAt(tick), bottom, xAt(tick), top) + text(xAt(tick), bottom + 16, 'middle', String(tick)),
		),
		...yTicks.map(
			(tick) => line(start, yAt(tick), end, yAt(tick)) + text(start - 6, yAt(tick) + 4, 'end', String(tick)),
		),
		...curves,
	].join('\n');
};

/** SVG of plots side by side, both axes logarithmic; all values positive, at least one point in each plot. */
export const logarithmicPlots = (xLabel: string, plots: readonly Plot[]): string =>
	[
		`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH * plots.length}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
		'<rect width="100%" height="100%" fill="white"/>',
		...plots.map((plot, k) => panel(plot, xLabel, k * WIDTH)),
		'</svg>\n',
	].join('\n');
