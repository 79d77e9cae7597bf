import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readModel } from '../../cli/model.ts';
import { CompileError } from '../../compiler/errors.ts';

test('external data are read from below the folder of the model and from nowhere else', () => {
	const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-model-'));
	try {
		mkdirSync(join(folder, 'model', 'weights'), { recursive: true });
		writeFileSync(join(folder, 'secret'), 'secret');
		mkdirSync(join(folder, 'model-beside'));
		writeFileSync(join(folder, 'model-beside', 'data'), 'beside');
		const inside = join(folder, 'model');
		writeFileSync(join(inside, 'model.onnx'), '');
		writeFileSync(join(inside, 'a.data'), 'a');
		writeFileSync(join(inside, 'weights', 'b.data'), 'b');
		symlinkSync(join(folder, 'secret'), join(inside, 'link'));
		symlinkSync(folder, join(inside, 'up'));
		symlinkSync('a.data', join(inside, 'alias'));
		const { readExternal } = readModel(join(inside, 'model.onnx'));
		const text = (location: string): string => new TextDecoder().decode(readExternal(location));
		assert.equal(['a.data', 'weights/b.data', './a.data', 'alias'].map(text), ['a', 'b', 'a', 'a']);
		const outside = [
			'../secret',
			'weights/../../secret',
			'../model-beside/data',
			join(folder, 'secret'),
			'link',
			'up/secret',
			'missing',
			'a.data\0',
		];
		for (const location of outside)
			assert.throws(() => readExternal(location), (error: unknown) => error instanceof CompileError, location); // biome-ignore format: one thought
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test.run();
