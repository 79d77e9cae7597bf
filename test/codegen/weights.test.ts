import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeBuild } from '../../compiler/index.ts';
import { modelOf } from '../remote/model.ts';
import { linearWeights, weightFinder } from '../support/weights.ts';

/** The client's half is given away: whatever the compiler writes there, it has none of the network's numbers. */
const models = join(import.meta.dirname, '..', '..', 'models');
const bytesOf = (content: string | Uint8Array): Uint8Array =>
	typeof content === 'string' ? new TextEncoder().encode(content) : content;

for (const name of ['breast-cancer-logistic', 'mlp-wine'])
	test(`the client's half of ${name} has no weights, and the server's has the constants that they became`, () => {
		const { model, compiled } = modelOf(name);
		const weights = linearWeights(readFileSync(join(models, model.path)));
		const found = { weights: weightFinder(weights), constants: weightFinder([compiled.program.constants]) };
		assert.ok(found.weights.count > 20 && found.constants.count > 20, 'there is something to look for');
		const files = [...writeBuild(compiled)].map(([path, content]) => [path, bytesOf(content)] as const);
		const half = files.filter(([path]) => path.startsWith('client/'));
		assert.ok(half.length >= 3);
		for (const [path, bytes] of half)
			assert.equal([path, found.weights.in(bytes), found.constants.in(bytes)], [path, 0, 0]);
		const constants = files.find(([path]) => path === 'server/constants.bin')?.[1] ?? new Uint8Array();
		assert.ok(found.constants.in(constants) >= found.constants.count / 2);
	});

test('weights are found in every form that they may have', () => {
	const weights = Float64Array.of(0.123456789, -2.6182818, 0.5, 1.1, 3.3333333);
	const finder = weightFinder([weights]);
	const after = (bytes: Uint8Array): Uint8Array => Uint8Array.of(1, 2, 3, ...bytes, 4);
	const swapped = (bytes: Uint8Array, width: number): Uint8Array =>
		bytes.map((_, i) => bytes[i - (i % width) + width - 1 - (i % width)] ?? 0);
	const doubles = new Uint8Array(weights.buffer);
	const floats = new Uint8Array(Float32Array.from(weights).buffer);
	for (const [what, bytes, count] of [
		['float64', doubles, 4],
		['float64, big end first', swapped(doubles, 8), 4],
		['float32', floats, 2],
		['float32, big end first', swapped(floats, 4), 2],
		['JSON', new TextEncoder().encode(JSON.stringify([...weights])), 3],
		['JSON of float32', new TextEncoder().encode(JSON.stringify([...Float32Array.from(weights)])), 4],
		['something else', new TextEncoder().encode('[0.12345670,-2.61828,0.5,1.1000002]'), 0],
	] as const)
		assert.equal([what, finder.in(after(bytes))], [what, count]);
});

test.run();
