import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { drawImage, scoreTable } from '../../cli/picture.ts';

test('two rows of pixels become one row of characters, darker where both are', () => {
	const pixels = Float64Array.from([0, 1, 1, 0, 1, 0, 0.5, 0, 1]);
	assert.is(drawImage(pixels, 3), [' █▒', '░ ▒'].join('\n'));
});

test('scores stand side by side with a bar for the largest', () => {
	const text = scoreTable(Float64Array.from([-1, 2]), Float64Array.from([-1, 2.5])).split('\n');
	assert.is(text.length, 3);
	assert.match(text[2] ?? '', /^1 +2\.00000 +2\.50000 +0\.5 +█{30}$/);
	assert.not.match(text[1] ?? '', /█/);
});

test.run();
