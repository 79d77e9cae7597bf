import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Drawing, type Link, layered, type Point, pathOf, type Size } from '../../../cli/report/layered.ts';

const GAPS = { column: 10, row: 20 };

type Graph = { readonly sizes: readonly Size[]; readonly links: readonly Link[] };

/** Up to 12 boxes and some links from earlier to later ones, each once. */
const graphs: fc.Arbitrary<Graph> = fc
	.array(fc.record({ width: fc.integer({ min: 20, max: 90 }), height: fc.integer({ min: 10, max: 40 }) }), {
		minLength: 1,
		maxLength: 12,
	})
	.chain((sizes) =>
		fc
			.uniqueArray(fc.tuple(fc.nat(sizes.length - 1), fc.nat(sizes.length - 1)), {
				maxLength: 20,
				selector: ([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`,
			})
			.map((pairs) => ({
				sizes,
				links: pairs.filter(([a, b]) => a !== b).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) })),
			})),
	);

/** Are two boxes of one row closer than the gap, or one over the other? */
const overlaps = ({ boxes }: Drawing, sizes: readonly Size[], a: number, b: number): boolean => {
	const [p, q] = [boxes[a] as Point, boxes[b] as Point];
	const [s, t] = [sizes[a] as Size, sizes[b] as Size];
	return (
		Math.abs(p.x - q.x) < (s.width + t.width) / 2 + GAPS.column - 1e-6 &&
		Math.abs(p.y - q.y) < (s.height + t.height) / 2 - 1e-6
	);
};

test('boxes keep their distance and lie within the drawing', () => {
	fc.assert(
		fc.property(graphs, ({ sizes, links }) => {
			const drawing = layered(sizes, links, GAPS);
			sizes.forEach(({ width, height }, a) => {
				const { x, y } = drawing.boxes[a] as Point;
				assert.ok(x - width / 2 >= -1e-6 && x + width / 2 <= drawing.width + 1e-6);
				assert.ok(y - height / 2 >= -1e-6 && y + height / 2 <= drawing.height + 1e-6);
				for (let b = 0; b < a; b++) assert.not.ok(overlaps(drawing, sizes, a, b), `boxes ${b} and ${a}`);
			});
		}),
		{ numRuns: 200 },
	);
});

/** Does a piece of a link run through a box? Only straight ones may pass its height, beside it. */
const crosses = (start: Point, end: Point, centre: Point, { width, height }: Size): boolean => {
	const [top, bottom] = [centre.y - height / 2 + 1e-6, centre.y + height / 2 - 1e-6];
	if (end.y <= top || start.y >= bottom) return false;
	return start.x !== end.x || Math.abs(start.x - centre.x) < width / 2;
};

test('links lead downwards from the foot of one box to the head of another and pass beside all others', () => {
	fc.assert(
		fc.property(graphs, ({ sizes, links }) => {
			const drawing = layered(sizes, links, GAPS);
			links.forEach(({ from, to }, link) => {
				const points = drawing.links[link] as readonly Point[];
				const [first, last] = [points[0] as Point, points.at(-1) as Point];
				const [source, target] = [drawing.boxes[from] as Point, drawing.boxes[to] as Point];
				assert.equal(first, { x: source.x, y: source.y + (sizes[from] as Size).height / 2 });
				assert.is(last.y, target.y - (sizes[to] as Size).height / 2);
				assert.ok(Math.abs(last.x - target.x) < (sizes[to] as Size).width / 2);
				points.slice(1).forEach(({ y }, i) => {
					assert.ok(y >= (points[i] as Point).y);
				});
				points.slice(1).forEach((end, i) => {
					const start = points[i] as Point;
					sizes.forEach((size, box) => {
						assert.not.ok(
							crosses(start, end, drawing.boxes[box] as Point, size),
							`${from} to ${to} runs through ${box}`,
						);
					});
				});
			});
		}),
		{ numRuns: 200 },
	);
});

test('a row is the longest path, and a box without operands is drawn just above its first reader', () => {
	const sizes = Array.from({ length: 5 }, () => ({ width: 10, height: 10 }));
	// 0 -> 1 -> 2 -> 4 beside 0 -> 4, and 3 is read by 4 only.
	const pairs = [
		[0, 1],
		[1, 2],
		[2, 4],
		[0, 4],
		[3, 4],
	] as const;
	const drawing = layered(
		sizes,
		pairs.map(([from, to]) => ({ from, to })),
		GAPS,
	);
	assert.equal(
		drawing.boxes.map(({ y }) => y),
		[5, 35, 65, 65, 95],
	);
});

test('a link back to an earlier box is drawn too', () => {
	const sizes = [
		{ width: 10, height: 10 },
		{ width: 10, height: 10 },
	];
	const links = [
		{ from: 0, to: 1 },
		{ from: 1, to: 0 },
	];
	const { links: drawn } = layered(sizes, links, GAPS);
	assert.equal(
		drawn.map((points) => points.length),
		[2, 2],
	);
});

test('a path has a line for each straight piece and a curve for each other', () => {
	const points = [
		{ x: 0, y: 0 },
		{ x: 0, y: 4 },
		{ x: 3, y: 10.25 },
	];
	assert.is(pathOf(points), 'M0 0L0 4C0 7.1 3 7.1 3 10.3');
});

test.run();
