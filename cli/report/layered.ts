/** A drawing of a graph in rows: boxes below what they read, links around the boxes in between. */
export type Size = { readonly width: number; readonly height: number };
export type Link = { readonly from: number; readonly to: number };
export type Point = { readonly x: number; readonly y: number };

export type Drawing = Size & {
	/** The centre of each box. */
	readonly boxes: readonly Point[];
	/** For each link its points: the foot of a box, the ends of each row it passes, the head of another box. */
	readonly links: readonly (readonly Point[])[];
};

export type Gaps = { readonly column: number; readonly row: number };

/** A box, or a place where links of one box pass a row; `width` is what it takes of the row. */
type Item = { readonly row: number; readonly width: number; readonly above: number[]; readonly below: number[] };

const SWEEPS = 8;

/**
 * Rows are the longest paths from the sources, boxes without operands just above their first reader. Links over several rows get a
 * place in each (one for all links of a box), rows are ordered by the means of their neighbours and then moved as close below each
 * other as the gaps allow. Links that lead to an earlier box (cycles) are drawn but decide nothing. Deterministic.
 */
export const layered = (sizes: readonly Size[], links: readonly Link[], gaps: Gaps): Drawing => {
	const { items, passed } = itemsOf(sizes, links);
	const grid = gridOf(sizes, items, gaps);
	const ports = portsOf(links, passed, grid.xs, sizes);
	return {
		width: grid.width,
		height: grid.bottoms.at(-1) ?? 0,
		boxes: sizes.map((_, box) => centreOf(grid, items, box)),
		links: links.map((link, k) =>
			pointsOf(grid, items, sizes, link, passed[k] as readonly number[], ports[k] as number),
		),
	};
};

type Items = { readonly items: readonly Item[]; readonly passed: readonly (readonly number[])[] };

/** The boxes and, for each link, the places where it passes rows. */
const itemsOf = (sizes: readonly Size[], links: readonly Link[]): Items => {
	const rowOf = rowsOf(sizes.length, links);
	const items: Item[] = sizes.map(({ width }, box) => ({ row: rowOf[box] as number, width, above: [], below: [] }));
	const passes = new Map<string, number>();
	const passed = links.map(({ from, to }) => {
		const through = rowsBetween(rowOf[from] as number, rowOf[to] as number).map((row) =>
			passAt(items, passes, from, row),
		);
		if (from < to) connect(items, [from, ...through, to]);
		return through;
	});
	return { items, passed };
};

const rowsBetween = (first: number, last: number): readonly number[] =>
	Array.from({ length: Math.max(0, last - first - 1) }, (_, i) => first + 1 + i);

/** Where everything is: the centre of each item, the upper and lower end of each row. */
type Grid = {
	readonly width: number;
	readonly xs: Float64Array;
	readonly tops: readonly number[];
	readonly bottoms: readonly number[];
};

const gridOf = (sizes: readonly Size[], items: readonly Item[], gaps: Gaps): Grid => {
	const rows = ordered(items);
	const xs = columnsOf(items, rows, gaps.column);
	const heights = rows.map((row) => Math.max(0, ...row.map((item) => sizes[item]?.height ?? 0)));
	const tops = heights.map((_, row) => heights.slice(0, row).reduce((sum, height) => sum + height + gaps.row, 0));
	const left = Math.min(...items.map(({ width }, item) => (xs[item] as number) - width / 2));
	const right = Math.max(...items.map(({ width }, item) => (xs[item] as number) + width / 2));
	return {
		width: right - left,
		xs: xs.map((x) => x - left),
		tops,
		bottoms: tops.map((top, row) => top + (heights[row] as number)),
	};
};

const centreOf = ({ xs, tops, bottoms }: Grid, items: readonly Item[], box: number): Point => {
	const { row } = items[box] as Item;
	return { x: xs[box] as number, y: ((tops[row] as number) + (bottoms[row] as number)) / 2 };
};

/** Lower boxes of a row are left and reached straight, so that no curve meets a higher one. */
const pointsOf = (
	grid: Grid,
	items: readonly Item[],
	sizes: readonly Size[],
	{ from, to }: Link,
	passed: readonly number[],
	port: number,
): readonly Point[] => {
	const { xs, tops, bottoms } = grid;
	const ends = (item: number): readonly [Point, Point] => {
		const { row } = items[item] as Item;
		const x = xs[item] as number;
		return [
			{ x, y: tops[row] as number },
			{ x, y: bottoms[row] as number },
		];
	};
	const [source, target] = [centreOf(grid, items, from), centreOf(grid, items, to)];
	const foot = { x: source.x, y: source.y + (sizes[from] as Size).height / 2 };
	const head = { x: target.x + port, y: target.y - (sizes[to] as Size).height / 2 };
	const [, leaves] = ends(from);
	const [arrives] = ends(to);
	return [
		foot,
		...(foot.y < leaves.y ? [leaves] : []),
		...passed.flatMap(ends),
		...(arrives.y < head.y ? [{ x: head.x, y: arrives.y }] : []),
		head,
	];
};

/** The row of each box. */
const rowsOf = (count: number, links: readonly Link[]): readonly number[] => {
	const forward = links.filter(({ from, to }) => from < to);
	const rows = new Array<number>(count).fill(0);
	for (const { from, to } of forward.toSorted((a, b) => a.to - b.to))
		rows[to] = Math.max(rows[to] as number, (rows[from] as number) + 1);
	for (let box = count - 1; box >= 0; box--) {
		if (forward.some(({ to }) => to === box)) continue;
		const readers = forward.filter(({ from }) => from === box).map(({ to }) => rows[to] as number);
		if (readers.length > 0) rows[box] = Math.min(...readers) - 1;
	}
	return rows;
};

/** The place where links of box `from` pass a row. */
const passAt = (items: Item[], passes: Map<string, number>, from: number, row: number): number => {
	const key = `${from} ${row}`;
	const known = passes.get(key);
	if (known !== undefined) return known;
	const item = items.push({ row, width: 8, above: [], below: [] }) - 1;
	passes.set(key, item);
	return item;
};

const connect = (items: readonly Item[], chain: readonly number[]): void => {
	chain.slice(1).forEach((below, i) => {
		const above = chain[i] as number;
		if (items[above]?.below.includes(below)) return;
		items[above]?.below.push(below);
		items[below]?.above.push(above);
	});
};

/** The items of each row, from left to right: by turns sorted by the mean place of their neighbours above and below. */
const ordered = (items: readonly Item[]): readonly (readonly number[])[] => {
	const rows: number[][] = [];
	items.forEach(({ row }, item) => {
		while (rows.length <= row) rows.push([]);
		rows[row]?.push(item);
	});
	const place = new Float64Array(items.length);
	const number = (row: readonly number[]): void => {
		row.forEach((item, i) => {
			place[item] = (i + 0.5) / row.length;
		});
	};
	rows.forEach(number);
	for (let sweep = 0; sweep < SWEEPS; sweep++) {
		const down = sweep % 2 === 0;
		for (const row of down ? rows : rows.toReversed()) {
			const wanted = new Map(
				row.map((item) => [item, meanOf(items[item] as Item, down, place) ?? (place[item] as number)]),
			);
			row.sort((a, b) => (wanted.get(a) as number) - (wanted.get(b) as number));
			number(row);
		}
	}
	return rows;
};

const meanOf = ({ above, below }: Item, down: boolean, at: ArrayLike<number>): number | undefined => {
	const neighbours = down ? above : below;
	if (neighbours.length === 0) return undefined;
	return neighbours.reduce((sum, item) => sum + (at[item] as number), 0) / neighbours.length;
};

/** The centre of each item: by turns as close as possible to the mean of the neighbours above and below. */
const columnsOf = (items: readonly Item[], rows: readonly (readonly number[])[], gap: number): Float64Array => {
	const xs = new Float64Array(items.length);
	const settle = (row: readonly number[], wanted: readonly number[]): void => {
		const widths = row.map((item) => (items[item] as Item).width);
		const offsets = widths.map(
			(width, i) => widths.slice(0, i).reduce((sum, other) => sum + other + gap, 0) + width / 2,
		);
		const bases = increasing(wanted.map((x, i) => x - (offsets[i] as number)));
		row.forEach((item, i) => {
			xs[item] = (bases[i] as number) + (offsets[i] as number);
		});
	};
	for (const row of rows)
		settle(
			row,
			row.map(() => 0),
		);
	for (let sweep = 0; sweep < SWEEPS + 1; sweep++) {
		const down = sweep % 2 === 0;
		for (const row of down ? rows : rows.toReversed())
			settle(
				row,
				row.map((item) => meanOf(items[item] as Item, down, xs) ?? (xs[item] as number)),
			);
	}
	return xs;
};

/** The values that never decrease and are closest to the given ones, in the sum of squares (pool adjacent violators). */
const increasing = (values: readonly number[]): readonly number[] => {
	const pools: { sum: number; count: number }[] = [];
	for (const value of values) {
		let pool = { sum: value, count: 1 };
		for (
			let last = pools.at(-1);
			last !== undefined && last.sum / last.count > pool.sum / pool.count;
			last = pools.at(-1)
		) {
			pools.pop();
			pool = { sum: last.sum + pool.sum, count: last.count + pool.count };
		}
		pools.push(pool);
	}
	return pools.flatMap(({ sum, count }) => new Array<number>(count).fill(sum / count));
};

/** For each link how far from the middle of its box's head it ends: links into one box side by side, as they arrive. */
const portsOf = (
	links: readonly Link[],
	passed: readonly (readonly number[])[],
	xs: Float64Array,
	sizes: readonly Size[],
): Float64Array => {
	const ports = new Float64Array(links.length);
	const into = Map.groupBy(links.keys(), (link) => (links[link] as Link).to);
	for (const [to, arriving] of into) {
		const comesFrom = (link: number): number => xs[passed[link]?.at(-1) ?? (links[link] as Link).from] as number;
		const spread = Math.min(72, (sizes[to] as Size).width / (arriving.length + 1));
		arriving
			.toSorted((a, b) => comesFrom(a) - comesFrom(b))
			.forEach((link, i) => {
				ports[link] = (i - (arriving.length - 1) / 2) * spread;
			});
	}
	return ports;
};

/** A link as a path: straight through rows, in curves between them. */
export const pathOf = (points: readonly Point[]): string => {
	const text = ({ x, y }: Point): string => `${Number(x.toFixed(1))} ${Number(y.toFixed(1))}`;
	const [start = { x: 0, y: 0 }] = points;
	return points.slice(1).reduce(
		(path, to, i) => {
			const from = points[i] as Point;
			if (from.x === to.x) return `${path}L${text(to)}`;
			const middle = (from.y + to.y) / 2;
			return `${path}C${text({ x: from.x, y: middle })} ${text({ x: to.x, y: middle })} ${text(to)}`;
		},
		`M${text(start)}`,
	);
};
