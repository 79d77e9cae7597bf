import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { identity } from '../../compiler/tensor/sparse.ts';
import { print } from '../../compiler/tensor/text.ts';
import { dense, Sketch } from './graphs.ts';

test('a graph prints as one line a node and one an output', () => {
	const sketch = new Sketch();
	const x = sketch.input('x "1"', [1, 2]);
	const a = sketch.affine(
		[
			{
				x,
				matrix: dense([
					[1, 0],
					[2, 3],
					[0, 0],
				]),
			},
		],
		[3],
		[0, 1, 0],
		'Gemm_0',
	);
	const b = sketch.affine([{ x: a, matrix: identity(3) }], [1, 3]);
	const m = sketch.multiply(a, b, [3]);
	const s = sketch.multiply(m, m, [3]);
	const r = sketch.activation(s, 'relu', [3]);
	const series = { center: 1, radius: 1 / 3, coefficients: [0.1 + 0.2, -2] };
	const p = sketch.builder.add({ kind: 'polynomial', x: r, series: [series], inner: 1, shape: [3], origin: 'p' });
	const three = [0, 1, 2].map((center) => ({ ...series, center }));
	const q = sketch.builder.add({ kind: 'polynomial', x: p, series: three, inner: 1, shape: [3], origin: 'q' });
	const t = sketch.tail(q, 'argMax', [1], 0, true);
	const c = sketch.affine([], [1]);
	assert.is(
		print(sketch.graph({ y: [t, [1]], zero: [c, [1, 1]] })),
		`%0 = input "x \\"1\\""  : [1,2]  # x "1"
%1 = affine %0 (3x2, 3 non-zeros) + bias  : [3]  # Gemm_0
%2 = affine %1 (identity)  : [1,3]  # affine
%3 = multiply %1 %2  : [3]  # multiply
%4 = square %3  : [3]  # multiply
%5 = relu %4  : [3]  # relu
%6 = polynomial %5 degree 1 on [0.666667, 1.33333] c = [0.3, -2]  : [3]  # p
%7 = polynomial %6 degree 1 on [-0.333333, 2.33333], 3 channels of 1  : [3]  # q
%8 = argMax %7 axis 0 keepDims  : [1]  # argMax
%9 = affine 0  : [1]  # affine
output "y" = %8  : [1]
output "zero" = %9  : [1,1]
`,
	);
});

test.run();
