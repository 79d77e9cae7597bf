export type Point = { readonly x: number; readonly y: number };
/** Where a pen went between touching the paper and leaving it, in any unit. */
export type Stroke = readonly Point[];

/** Pixels of a side. */
export const SIDE = 28;
/** The digit is scaled into a box of so many pixels. */
const BOX = 20;
/** Of the pen, in pixels. */
const RADIUS = 1.15;
/** The ink stays inside of the picture. */
const MOST_SHIFT = (SIDE - BOX) / 2;

const squaredDistance = (p: Point, a: Point, b: Point): number => {
	const [dx, dy] = [b.x - a.x, b.y - a.y];
	const length = dx * dx + dy * dy;
	const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / length));
	return (p.x - a.x - along * dx) ** 2 + (p.y - a.y - along * dy) ** 2;
};

/** Ink in the pixels whose centres are near a segment: 0 is paper, 1 is ink, with soft edges. */
const drawSegment = (pixels: Float64Array, a: Point, b: Point): void => {
	const reach = RADIUS + 0.5;
	const first = (u: number, v: number): number => Math.max(0, Math.floor(Math.min(u, v) - reach));
	const last = (u: number, v: number): number => Math.min(SIDE - 1, Math.ceil(Math.max(u, v) + reach));
	for (let y = first(a.y, b.y); y <= last(a.y, b.y); y++)
		for (let x = first(a.x, b.x); x <= last(a.x, b.x); x++) {
			const ink = Math.min(1, reach - Math.sqrt(squaredDistance({ x: x + 0.5, y: y + 0.5 }, a, b)));
			const at = y * SIDE + x;
			pixels[at] = Math.max(pixels[at] as number, ink, 0);
		}
};

const draw = (strokes: readonly Stroke[]): Float64Array => {
	const pixels = new Float64Array(SIDE * SIDE);
	for (const stroke of strokes)
		stroke.forEach((point, i) => {
			drawSegment(pixels, stroke[Math.max(0, i - 1)] as Point, point);
		});
	return pixels;
};

const centreOfMass = (pixels: Float64Array): Point => {
	let [mass, x, y] = [0, 0, 0];
	pixels.forEach((ink, i) => {
		mass += ink;
		x += ink * ((i % SIDE) + 0.5);
		y += ink * (Math.floor(i / SIDE) + 0.5);
	});
	return mass === 0 ? { x: SIDE / 2, y: SIDE / 2 } : { x: x / mass, y: y / mass };
};

const moved = (strokes: readonly Stroke[], place: (point: Point) => Point): Stroke[] =>
	strokes.map((stroke) => stroke.map(place));

/**
 * Strokes as a picture of 28x28 values in [0, 1], row by row, prepared as the digits of MNIST are: scaled into a box of 20 pixels with
 * the proportions kept, then moved so that the centre of mass is in the middle. Undefined where nothing was drawn.
 */
export const digitOf = (strokes: readonly Stroke[]): Float64Array | undefined => {
	const points = strokes.flat();
	if (points.length === 0) return undefined;
	const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
	const reduce = (values: readonly number[], f: (a: number, b: number) => number): number =>
		values.reduce((a, b) => f(a, b));
	const [left, top] = [reduce(xs, Math.min), reduce(ys, Math.min)];
	const [width, height] = [reduce(xs, Math.max) - left, reduce(ys, Math.max) - top];
	const scale = (BOX - 2 * RADIUS) / Math.max(width, height, Number.MIN_VALUE);
	const middle = SIDE / 2;
	// A dot has no size to be scaled.
	const boxed = moved(strokes, ({ x, y }) =>
		width === 0 && height === 0
			? { x: middle, y: middle }
			: { x: middle + scale * (x - left - width / 2), y: middle + scale * (y - top - height / 2) },
	);
	const mass = centreOfMass(draw(boxed));
	const shift = (from: number): number => Math.min(MOST_SHIFT, Math.max(-MOST_SHIFT, middle - from));
	const [dx, dy] = [shift(mass.x), shift(mass.y)];
	return draw(moved(boxed, ({ x, y }) => ({ x: x + dx, y: y + dy })));
};
