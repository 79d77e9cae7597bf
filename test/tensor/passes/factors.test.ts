import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BodyKind, Graph } from '../../../compiler/tensor/graph.ts';
import { approximate } from '../../../compiler/tensor/passes/approximate.ts';
import { factorsOf, squaresOf } from '../../../compiler/tensor/passes/factors.ts';
import { selection } from '../../../compiler/tensor/sparse.ts';
import { randomNumbers } from '../../support/onnx.ts';
import { dense, Sketch } from '../graphs.ts';

const REPEATED = selection([0, 0, 1, 1], 2);
const MEANS = dense([
	[0.5, 0.5, 0, 0],
	[0, 0, 0.5, 0.5],
]);
const EPSILON = 1e-5;

/** x [2 pairs] times (mean of the pair's squares + epsilon) ^ (-1/2). */
const normalised = () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [4]);
	const means = sketch.affine([{ x: sketch.multiply(x, x, [4]), matrix: MEANS }], [2], [EPSILON, EPSILON]);
	const parameters = [-0.5];
	const root = sketch.builder.add({
		kind: 'activation',
		x: means,
		fn: 'power',
		parameters,
		shape: [2],
		origin: 'root',
	});
	const spread = sketch.affine([{ x: root, matrix: REPEATED }], [4]);
	const y = sketch.multiply(x, spread, [4]);
	return { sketch, x, root, spread, y };
};

test('a moved value meets the factors that it is multiplied with, each by its square', () => {
	const { sketch, x, root, y } = normalised();
	const factors = factorsOf(sketch.graph({ y: [y, [4]] }) as Graph<BodyKind>, root);
	assert.equal(factors, [{ by: x, matrix: REPEATED }]);
	assert.equal([...squaresOf(factors, 2, () => Float64Array.of(1, 2, 3, -4))], [5, 25]);
	assert.equal([...squaresOf([{ by: x }], 2, () => Float64Array.of(3, -4))], [9, 16]);
});

test('a value that is read elsewhere, or whose factor comes later, is taken for itself', () => {
	const seen = normalised();
	const outputs = { y: [seen.y, [4]], root: [seen.root, [2]] } as const;
	assert.equal(factorsOf(seen.sketch.graph(outputs) as Graph<BodyKind>, seen.root), []);
	const added = normalised();
	const sum = added.sketch.affine([{ x: added.root, matrix: REPEATED }], [4]);
	const both = added.sketch.multiply(sum, sum, [4]);
	const graph = added.sketch.graph({ y: [added.y, [4]], both: [both, [4]] }) as Graph<BodyKind>;
	assert.equal(factorsOf(graph, added.root), []);
	const sketch = new Sketch();
	const x = sketch.input('x', [2]);
	const inverse = sketch.activation(x, 'reciprocal', [2]);
	const later = sketch.activation(x, 'relu', [2]);
	const y = sketch.multiply(inverse, later, [2]);
	assert.equal(factorsOf(sketch.graph({ y: [y, [2]] }) as Graph<BodyKind>, inverse), []);
});

test('where what is divided is 0, the divisor does not count: a part that is constant costs no degree', () => {
	const { sketch, y } = normalised();
	const graph = sketch.graph({ y: [y, [4]] }) as Graph<BodyKind>;
	const rows = Array.from({ length: 100 }, (_, k) =>
		randomNumbers(k + 1, 4, 0.5, 1.5).map((v, i) => (k % 5 === 0 && i < 2 ? 0 : v)),
	);
	const { report } = approximate(graph, {
		samples: new Map([['x', rows]]),
		inputs: new Map(),
		tails: new Map([['y', []]]),
	});
	const [fit] = report.activations;
	assert.ok((fit?.interval[0] ?? 1) < EPSILON && (fit?.degree ?? 99) <= 8, `degree ${fit?.degree}`);
	assert.ok((report.agreement?.relativeErrors.get('y') ?? 1) <= 0.02);
});

test.run();
