import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../../compiler/onnx/import.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { verify } from '../../compiler/tensor/verify.ts';
import { differenceOf, feed, reference } from '../support/onnx.ts';

/** Models as PyTorch writes them with dynamic axes (exports/export.py): input shape, and the dimensions that are set. */
const EXPORTS: readonly (readonly [file: string, shape: readonly number[], set: Readonly<Record<string, number>>])[] = [
	['flatten', [1, 1, 6, 6], { h: 6, w: 6 }],
	['expand', [1, 4, 5], { t: 5 }],
	['expand', [2, 4, 3], { n: 2, t: 3 }],
	['mask', [1, 4, 3], { t: 4 }],
	['mask', [2, 5, 3], { n: 2, t: 5 }],
];

for (const [file, shape, set] of EXPORTS)
	test(`${file} of [${shape}]: the shape arithmetic folds, and the model computes what onnxruntime computes`, async () => {
		const bytes = readFileSync(new URL(`exports/${file}.onnx`, import.meta.url));
		const { graph } = importModel(bytes, { dimensions: new Map(Object.entries(set)) });
		verify(graph);
		assert.equal([...new Set(graph.nodes.map(({ kind }) => kind))].sort(), ['affine', 'input']);
		const feeds = feed(shape);
		const results = evaluate(graph, new Map([...feeds].map(([name, { data }]) => [name, data])));
		const expected = (await reference(bytes, feeds)).get('y');
		assert.ok(expected, 'a reference');
		const actual = { shape: graph.outputs[0]?.shape ?? [], data: results.get('y') ?? new Float64Array() };
		assert.is(differenceOf(actual, expected, 1e-4), undefined);
	});

test.run();
