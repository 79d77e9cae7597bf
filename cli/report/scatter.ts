import { formatNumber } from '../output.ts';
import { escapeHtml, px } from './html.ts';

/** What a chart shows along one side; with `log` by powers of ten. */
export type Axis = {
	readonly name: string;
	readonly log?: boolean /** No value can be larger. */;
	readonly most?: number;
};

/** A point; with a label it is named, marked it stands out. */
export type Dot = { readonly x: number; readonly y: number; readonly label?: string; readonly marked?: boolean };

export type Scatter = {
	readonly title: string;
	readonly x: Axis;
	readonly y: Axis;
	/** A line through the points, from left to right. */
	readonly joined?: boolean;
	/** Lines to compare with: y of x, drawn from one side to the other, and what they are called. */
	readonly guides?: readonly { readonly name: string; readonly of: (x: number) => number }[];
	/** A height that is to lie within the frame. */
	readonly reach?: number;
};

const [WIDTH, HEIGHT] = [560, 300];
const [LEFT, RIGHT, TOP, BOTTOM] = [70, 20, 16, 46];
/** Half of the width of a label. */
const LABEL = 24;

/**
 * Points in a frame with ticks, as an SVG without scripts. On an axis by powers of ten what is not above 0 is shown at its
 * start; points that are no numbers are left out.
 */
export const scatterChart = (
	dots: readonly Dot[],
	{ title, x, y, joined = false, guides = [], reach }: Scatter,
): string => {
	const shown = dots.filter((dot) => Number.isFinite(dot.x) && Number.isFinite(dot.y));
	if (shown.length === 0) return '';
	const across = scaleOf(x, shown.map((dot) => dot.x), [LEFT, WIDTH - RIGHT]); // biome-ignore format: one thought
	const heights = [...shown.map((dot) => dot.y), ...(reach === undefined ? [] : [reach])];
	const up = scaleOf(y, heights, [HEIGHT - BOTTOM, TOP]);
	const at = (dot: { readonly x: number; readonly y: number }): string => `${px(across.at(dot.x))} ${px(up.at(dot.y))}`;
	const path = (list: readonly Dot[]): string => list.map((dot) => `M${at(dot)}h0`).join('');
	const line = joined
		? `<path class="fitted" d="M${shown.toSorted((a, b) => a.x - b.x).map(at).join('L')}"/>` // biome-ignore format: one thought
		: '';
	const labels = shown.map((dot) =>
		dot.label === undefined ? '' : labelText(across.at(dot.x), up.at(dot.y), dot.label),
	);
	const plain = shown.filter(({ marked }) => !marked);
	const marked = shown.filter((dot) => dot.marked);
	return `<div class="scroll"><svg class="chart plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${[
		`<rect class="frame" x="${LEFT}" y="${TOP}" width="${WIDTH - LEFT - RIGHT}" height="${HEIGHT - TOP - BOTTOM}"/>`,
		...across.ticks.map((value) => tickAcross(across.at(value), value)),
		...up.ticks.map((value) => tickUp(up.at(value), value)),
		...guides.map((guide) => guideLine(guide, across, up)),
		line,
		plain.length === 0 ? '' : `<path class="dots" d="${path(plain)}"/>`,
		marked.length === 0 ? '' : `<path class="dots marked" d="${path(marked)}"/>`,
		...labels,
		`<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}">${escapeHtml(x.name)}</text>`,
		`<text transform="translate(12 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">${escapeHtml(y.name)}</text>`,
	].join('')}</svg></div>`;
};

/** Above the point, or below it where the frame ends; never beyond the sides. */
const labelText = (x: number, y: number, label: string): string => {
	const middle = Math.min(WIDTH - RIGHT - LABEL, Math.max(LEFT + LABEL, x));
	return `<text class="name" x="${px(middle)}" y="${px(y < TOP + 20 ? y + 16 : y - 8)}">${escapeHtml(label)}</text>`;
};

const tickAcross = (at: number, value: number): string =>
	`<path class="link" d="M${px(at)} ${HEIGHT - BOTTOM}v4"/><text class="small" x="${px(at)}" y="${HEIGHT - BOTTOM + 16}">${formatNumber(value)}</text>`;

const tickUp = (at: number, value: number): string =>
	`<path class="link" d="M${LEFT - 4} ${px(at)}h4"/><text class="small right" x="${LEFT - 8}" y="${px(at + 4)}">${formatNumber(value)}</text>`;

/** A dashed line, in pieces so that it follows curves, where it lies within the frame. */
const guideLine = (
	{ name, of }: { readonly name: string; readonly of: (x: number) => number },
	across: Scale,
	up: Scale,
): string => {
	const steps = Array.from({ length: 65 }, (_, i) => across.back(i / 64));
	const points = steps
		.map((value) => ({ x: across.at(value), y: up.at(of(value)) }))
		.filter((point) => point.y >= TOP && point.y <= HEIGHT - BOTTOM);
	const end = points.at(-1);
	if (end === undefined || points.length < 2) return '';
	const d = points.map((point) => `${px(point.x)} ${px(point.y)}`).join('L');
	return `<path class="exact" d="M${d}"/><text class="name right" x="${px(end.x - 4)}" y="${px(end.y - 4)}">${escapeHtml(name)}</text>`;
};

/** From values to pixels, and from a share of the axis back to a value. */
type Scale = {
	readonly at: (value: number) => number;
	readonly back: (share: number) => number;
	readonly ticks: readonly number[];
};

const scaleOf = (
	{ log = false, most }: Axis,
	values: readonly number[],
	[start, end]: readonly [number, number],
): Scale => {
	const positive = values.filter((value) => value > 0);
	const least = extreme(positive, Math.min) ?? 1;
	const forth = (value: number): number => (log ? Math.log10(Math.max(value, least)) : value);
	const [low, wide] = widened(extreme(values.map(forth), Math.min) ?? 0, extreme(values.map(forth), Math.max) ?? 1);
	const high = most === undefined ? wide : Math.min(wide, most + ROOM * (most - low));
	return {
		at: (value) => start + ((forth(value) - low) / (high - low)) * (end - start),
		back: (share) => (log ? 10 ** (low + share * (high - low)) : low + share * (high - low)),
		ticks: log ? decades(low, high) : evenTicks(low, high),
	};
};

const extreme = (values: readonly number[], of: (a: number, b: number) => number): number | undefined =>
	values.length === 0 ? undefined : values.reduce((a, b) => of(a, b));

/** The share of an axis that is free at each end. */
const ROOM = 0.04;

/** A little room at both ends; some where there is none at all. */
const widened = (low: number, high: number): readonly [number, number] => {
	const room = high > low ? ROOM * (high - low) : Math.max(Math.abs(low), 1) / 10;
	return [low - room, high + room];
};

/** Powers of ten between 10^low and 10^high, at most eight; where they are one or two, also 2 and 5 times these. */
const decades = (low: number, high: number): readonly number[] => {
	const [first, last] = [Math.floor(low), Math.floor(high)];
	const step = Math.max(1, Math.ceil((last - first) / 8));
	const factors = last - first <= 2 ? [1, 2, 5] : [1];
	return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step)
		.flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)))
		.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
};

/** Four to eight multiples of 1, 2 or 5 times a power of ten. */
const evenTicks = (low: number, high: number): readonly number[] => {
	const power = 10 ** Math.floor(Math.log10((high - low) / 4));
	const step = power * ([1, 2, 5, 10].find((factor) => (high - low) / (power * factor) <= 7) ?? 10);
	const first = Math.ceil(low / step);
	return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) =>
		Number(((first + i) * step).toPrecision(12)),
	);
};
