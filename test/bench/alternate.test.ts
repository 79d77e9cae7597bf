import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { alternating, median, ratioOf, type Side } from '../../bench/alternate.ts';
import { logarithmicBars } from '../../bench/bars.ts';
import { table, withSection } from '../../bench/table.ts';

const effort = { rounds: 3, blockMs: 0, warmMs: 0 };

test('sides take turns, each warmed up once, and one that takes part in fewer rounds is left out of the others', async () => {
	const order: string[] = [];
	const side = (name: string, most?: number): Side => ({
		warm: async () => order.push(`warm ${name}`),
		time: async () => ({ wall: order.push(name), cpu: 0 }),
		...(most === undefined ? {} : { most }),
	});
	const times = await alternating([side('a'), side('b', 1), side('c')], effort);
	assert.equal(order, ['warm a', 'warm b', 'warm c', 'a', 'b', 'c', 'a', 'c', 'a', 'c']);
	assert.equal(
		times.map((rounds) => rounds.length),
		[3, 1, 3],
	);
	assert.equal(
		times[2]?.map(({ wall }) => order[wall - 1]),
		['c', 'c', 'c'],
	);
});

test('medians are of the middle, and ratios of what was measured in one round', () => {
	assert.is(median([5, 1, 100]), 5);
	assert.is(median([4, 1, 100, 2]), 3);
	// A machine that became half as fast in the second round changes no ratio.
	assert.is(ratioOf([10, 20, 10], [2, 4, 2]), 5);
	assert.is(ratioOf([12], [3, 100, 100]), 4);
	assert.ok(Number.isNaN(ratioOf([], [1])));
});

test('a section of a document is replaced, and nothing beside it; one without marks is none', () => {
	const readme = 'before\n<!-- bench a -->\n\nold\n\n<!-- end of bench a -->\nafter\n';
	const once = withSection(readme, 'a', 'new\n');
	assert.is(once, 'before\n<!-- bench a -->\n\nnew\n\n<!-- end of bench a -->\nafter\n');
	assert.is(withSection(once ?? '', 'a', 'new'), once);
	assert.is(withSection(readme, 'b', 'new'), undefined);
});

test('a table has its numbers to the right, and no columns without any', () => {
	assert.is(table(['a', 'b'], [['x', '1']]), '| a | b |\n| --- | ---: |\n| x | 1 |');
	const rows = [
		['x', '', '1'],
		['y', '', ''],
	];
	assert.is(table(['a', 'b', 'c'], rows), '| a | c |\n| --- | ---: |\n| x | 1 |\n| y |  |');
});

test('ten times as much is one decade of a bar more', () => {
	const svg = logarithmicBars('ms', [
		{ title: 't', bars: [1, 10, 100].map((value) => ({ name: `n${value}`, value })) },
	]);
	const widths = Array.from(svg.matchAll(/<rect x="\d+" y="\d+" width="([\d.]+)"/g), ([, width]) => Number(width));
	const [one = 0, ten = 0, hundred = 0] = widths;
	assert.is(widths.length, 3);
	assert.is(one, 1);
	assert.ok(Math.abs(hundred - 2 * ten) < 0.2, `${ten} and ${hundred}`);
});

test.run();
