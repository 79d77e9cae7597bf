import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../compiler/index.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { type AttributeSpec, buildModel, node, randomNumbers, reference, type TensorSpec } from '../support/onnx.ts';

/** A function of one variable, where its values lie in real models, and what is asked of its polynomial. */
type Function_ = {
	readonly op: string;
	readonly opset: number;
	readonly range: readonly [low: number, high: number];
	readonly attributes?: Readonly<Record<string, AttributeSpec>>;
	readonly bounds?: readonly number[];
};
const SIZE = 16;
const SMOOTH = 0.002;
/** No polynomial of degree 31 follows a kink much nearer. */
const KINKED = 0.02;

const FUNCTIONS: readonly (readonly [maxError: number, functions: readonly Function_[]])[] = [
	[
		SMOOTH,
		[
			{ op: 'Sigmoid', opset: 13, range: [-6, 6] },
			{ op: 'Tanh', opset: 13, range: [-3, 3] },
			{ op: 'Gelu', opset: 20, range: [-4, 4] },
			{ op: 'Gelu', opset: 20, range: [-4, 4], attributes: { approximate: 'tanh' } },
			{ op: 'Elu', opset: 6, range: [-3, 3] },
			{ op: 'Softplus', opset: 7, range: [-5, 5] },
			{ op: 'Softsign', opset: 7, range: [-2, 2] },
			{ op: 'Mish', opset: 18, range: [-4, 4] },
			{ op: 'Erf', opset: 13, range: [-2.5, 2.5] },
			{ op: 'Exp', opset: 13, range: [-4, 4] },
			{ op: 'Log', opset: 13, range: [0.1, 5] },
			{ op: 'Sqrt', opset: 13, range: [0.05, 4] },
			{ op: 'Reciprocal', opset: 13, range: [0.2, 8] },
			{ op: 'Reciprocal', opset: 13, range: [0.05, 10] },
			{ op: 'Reciprocal', opset: 13, range: [-4, -0.3] },
			{ op: 'Sin', opset: 7, range: [-6, 6] },
			{ op: 'Cos', opset: 7, range: [-6, 6] },
		],
	],
	[
		KINKED,
		[
			{ op: 'Relu', opset: 13, range: [-3, 3] },
			{ op: 'LeakyRelu', opset: 16, range: [-3, 3], attributes: { alpha: 0.1 } },
			{ op: 'Selu', opset: 6, range: [-3, 3] },
			{ op: 'Celu', opset: 12, range: [-3, 3] },
			{ op: 'HardSigmoid', opset: 6, range: [-5, 5] },
			{ op: 'HardSwish', opset: 14, range: [-5, 5] },
			{ op: 'Abs', opset: 13, range: [-2, 2] },
			{ op: 'Sqrt', opset: 13, range: [0, 4] },
			{ op: 'Clip', opset: 13, range: [-2, 8], bounds: [0, 6] },
		],
	],
];

for (const [maxError, functions] of FUNCTIONS)
	for (const { op, opset, range, attributes = {}, bounds = [] } of functions)
		test(`${op} on [${range}] is as near as --max-error ${maxError} asks, on other values too`, async () => {
			const constants = bounds.map((value, i) => [`c${i}`, { shape: [], data: [value] }] as const);
			const bytes = buildModel({
				opset,
				nodes: [node(op, ['x', ...constants.map(([name]) => name)], ['y'], { attributes })],
				initializers: new Map<string, TensorSpec>(constants),
				inputs: [{ name: 'x', shape: [1, SIZE] }],
				outputs: ['y'],
			});
			const samples = Array.from({ length: 64 }, (_, k) => randomNumbers(k + 1, SIZE, ...range));
			const { program, report } = compile(bytes, { calibration: new Map([['x', samples]]), maxError });
			assert.equal(
				report.warnings.filter((text) => /less than asked for/.test(text)),
				[],
			);
			const [errors, values] = [[], []] as [number[], number[]];
			for (const seed of [201, 202, 203]) {
				const data = randomNumbers(seed, SIZE, ...range);
				const [result] = await evaluateLocally(program, 'clear', [new Map([['x', data]])]);
				const expected = (await reference(bytes, new Map([['x', { shape: [1, SIZE], data }]]))).get('y');
				expected?.data.forEach((y, i) => {
					errors.push(Math.abs(y - (result?.outputs.get('y')?.data[i] ?? Number.NaN)));
					values.push(y);
				});
			}
			const mean = values.reduce((sum, y) => sum + y, 0) / values.length;
			const relative = Math.hypot(...errors) / Math.hypot(...values.map((y) => y - mean));
			assert.ok(relative <= 1.5 * maxError, `off by ${relative} (rms)`);
			const spread = Math.max(...values) - Math.min(...values);
			assert.ok(
				Math.max(...errors) <= Math.max(0.01, 2 * maxError) * spread,
				`off by ${Math.max(...errors) / spread} of the range`,
			);
		});

test.run();
