import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { start } from './support.ts';

test('wrong usage ends with 2, shows nothing on stdout and no stack', async () => {
	const wrong: readonly (readonly string[])[] = [
		[],
		['no-such-command'],
		['compile'],
		['compile', 'a.onnx', '--no-such-option'],
		['compile', 'a.onnx', '--batch', '3'],
		['compile', 'a.onnx', '--input-range', '1,-1'],
		['run', 'a.onnx'],
		['run', 'a.onnx', '--input', 'x.npy', '--threads', '0'],
		['evaluate', 'a.onnx', '--data', 'x.npy'],
		['inspect', 'a.onnx', '--after', 'no-such-pass'],
		['audit'],
	];
	for (const args of wrong) {
		const { status, stdout, stderr } = await start(...args);
		assert.equal([status, stdout], [2, ''], args.join(' '));
		assert.not.match(stderr, /^\s+at /m);
	}
});

test('a missing file of any kind ends with 3 and one line that names it', async () => {
	const missing = '/nowhere/at/all';
	for (const args of [
		['compile', missing],
		['run', missing, '--input', 'x.npy'],
		['evaluate', missing, '--data', 'x.npy', '--labels', 'y.npy'],
		['inspect', missing],
		['audit', missing],
		['keygen', missing, '--secret', 'a', '--public', 'b'],
	]) {
		const { status, stdout, stderr } = await start(...args);
		assert.equal([status, stdout], [3, ''], args.join(' '));
		assert.match(stderr, /^error: \/nowhere\/at\/all does not exist\.\n$/);
	}
});

test.run();
