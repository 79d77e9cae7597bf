export type Bar = { readonly name: string; readonly value: number };
type Group = { readonly title: string; readonly bars: readonly Bar[] };

const WIDTH = 780;
const LEFT = 250;
const RIGHT = 60;
const ROW = 18;
const GAP = 14;
const TOP = 34;
const COLOURS = ['#1f6feb', '#d1570d', '#2f8f4e', '#8250df'];

const text = (x: number, y: number, anchor: string, content: string): string =>
	`<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${content}</text>`;

/** SVG of groups of horizontal bars on one logarithmic axis; values positive, at least one. A name has one colour throughout. */
export const logarithmicBars = (label: string, groups: readonly Group[]): string => {
	const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value));
	const names = [...new Set(groups.flatMap(({ bars }) => bars.map(({ name }) => name)))];
	const low = Math.floor(Math.log10(Math.min(...values)));
	const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
	const at = (value: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * (Math.log10(value) - low)) / (high - low);
	const parts: string[] = [];
	let y = TOP;
	for (const { title, bars } of groups) {
		parts.push(text(LEFT - 92, y + ROW - 5, 'end', title));
		for (const { name, value } of bars) {
			const colour = COLOURS[names.indexOf(name) % COLOURS.length];
			const width = Math.max(1, at(value) - LEFT);
			parts.push(
				text(LEFT - 6, y + ROW - 5, 'end', name),
				`<rect x="${LEFT}" y="${y + 2}" width="${width.toFixed(1)}" height="${ROW - 4}" fill="${colour}"/>`,
				text(LEFT + width + 5, y + ROW - 5, 'start', value < 100 ? value.toPrecision(2) : String(Math.round(value))),
			);
			y += ROW;
		}
		y += GAP;
	}
	const ticks = Array.from({ length: high - low + 1 }, (_, k) => 10 ** (low + k)).flatMap((tick) => [
		`<line x1="${at(tick).toFixed(1)}" y1="${TOP}" x2="${at(tick).toFixed(1)}" y2="${y}" stroke="#ddd"/>`,
		text(at(tick), y + 14, 'middle', String(tick)),
	]);
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 24}" font-family="sans-serif" font-size="12">`,
		`<title>${label}</title>`,
		'<rect width="100%" height="100%" fill="white"/>',
		text(WIDTH / 2, 20, 'middle', label),
		...ticks,
		...parts,
		'</svg>\n',
	].join('\n');
};
