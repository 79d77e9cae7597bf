import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { barOf, formatBytes, formatNumber, formatTime, table } from '../../cli/output.ts';

test('bytes are shown in the unit in which they are at least 1', () => {
	assert.equal([0, 999, 1000, 999_900, 2_600_000, 126e6, 4e9].map(formatBytes), [
		'0 B',
		'999 B',
		'1.00 kB',
		'1.00 MB',
		'2.60 MB',
		'126 MB',
		'4.00 GB',
	]);
});

test('numbers keep five digits and whole numbers all of them', () => {
	assert.equal([8192, 0.123456789, 1e-9, -2.5].map(formatNumber), ['8192', '0.12346', '1e-9', '-2.5']);
	assert.equal([0.5523, 12.4, 1500].map(formatTime), ['0.55 ms', '12 ms', '1.50 s']);
});

test('a table aligns its columns, numbers to the right, and ends no line in spaces', () => {
	const lines = table(
		[
			['a', 1, 'x'],
			['long name', 100, ''],
		],
		['what', 'n', ''],
	).split('\n');
	assert.equal(lines, ['what         n', 'a            1  x', 'long name  100']);
});

test('a bar is as long as its share, in eighths of a character', () => {
	assert.equal([0, 0.5, 1, 2, -1].map((share) => barOf(share, 4)), ['', '██', '████', '████', '']); // biome-ignore format: one row
	assert.is(barOf(1 / 16, 2), '▏');
});

test.run();
