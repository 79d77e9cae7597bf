import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { functionOf, isNonDecreasing } from '../../compiler/tensor/activations.ts';
import { stepsOf } from '../../compiler/tensor/depth.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import type { Activation, BodyKind, Graph, Id, Node } from '../../compiler/tensor/graph.ts';
import { expandPools } from '../../compiler/tensor/passes/expand-pools.ts';
import { mergePools } from '../../compiler/tensor/passes/merge-pools.ts';
import { propagate } from '../../compiler/tensor/ranges.ts';
import { print } from '../../compiler/tensor/text.ts';
import { verify } from '../../compiler/tensor/verify.ts';
import { randomNumbers } from '../support/onnx.ts';
import { REPEATABLE, Sketch } from './graphs.ts';

/** Windows of x[6], of 2, 3 and 1 members. */
const WINDOWS = { start: Int32Array.of(0, 2, 5, 6), members: Int32Array.of(0, 1, 2, 4, 1, 5) };
const largest = (x: Float64Array): number[] =>
	[[0, 1], [2, 4, 1], [5]].map((window) => Math.max(...window.map((j) => x[j] as number)));

type Applied = { readonly fn: Activation; readonly parameters?: readonly number[] };

const pooled = (sketch: Sketch, x: Id, fields: Partial<Applied> = {}): Id =>
	sketch.builder.add({ kind: 'pooled', x, windows: WINDOWS, ...fields, shape: [3], origin: 'pool' });
const applied = (sketch: Sketch, x: Id, fields: Applied, size: number): Id =>
	sketch.builder.add({ kind: 'activation', x, ...fields, shape: [size], origin: fields.fn });

const kindsOf = ({ nodes }: Graph): readonly string[] => nodes.map(({ kind }) => kind);
const poolIn = ({ nodes }: Graph): Node<'pooled'> | undefined => nodes.find((node) => node.kind === 'pooled');

/** x -> first -> largest of each window -> then. */
const chain = (first?: Applied, then?: Applied): Graph => {
	const sketch = new Sketch();
	let id = sketch.input('x', [6]);
	if (first !== undefined) id = applied(sketch, id, first, 6);
	id = pooled(sketch, id);
	if (then !== undefined) id = applied(sketch, id, then, 3);
	return sketch.graph({ y: [id, [3]] });
};

const same = (a: Graph, b: Graph): void => {
	verify(b);
	for (const seed of [1, 2, 3]) {
		const inputs = new Map([['x', randomNumbers(seed, 6, -3, 3)]]);
		const [expected, actual] = [a, b].map((graph) => evaluate(graph, inputs).get('y') as Float64Array);
		expected?.forEach((v, i) => {
			assert.ok(Math.abs(v - (actual?.[i] as number)) < 1e-12, `${v} has become ${actual?.[i]}`);
		});
	}
};

test('a window is the largest of its members, and a function of it', () => {
	const x = Float64Array.of(-3, -1, 4, 9, 2, -7);
	const run = (graph: Graph) => [...(evaluate(graph, new Map([['x', x]])).get('y') ?? [])];
	assert.equal(run(chain()), largest(x));
	assert.equal(run(mergePools(chain(undefined, { fn: 'relu' }))), largest(x).map((v) => Math.max(v, 0))); // biome-ignore format: one thought
	assert.equal(run(mergePools(chain({ fn: 'clip', parameters: [-2, 3] }))), [-1, 3, -2]);
});

test('a function that never falls is taken from before a pooling, any from behind it', () => {
	const before: readonly Applied[] = [
		{ fn: 'relu' },
		{ fn: 'tanh' },
		{ fn: 'leakyRelu', parameters: [0.1] },
		{ fn: 'clip', parameters: [-1, 1] },
	];
	for (const first of before) {
		const merged = mergePools(chain(first));
		assert.equal(kindsOf(merged), ['input', 'pooled']);
		assert.equal([poolIn(merged)?.fn, poolIn(merged)?.parameters], [first.fn, first.parameters]);
		same(chain(first), merged);
	}
	for (const then of [...before, { fn: 'gelu' }, { fn: 'abs' }] as const) {
		const merged = mergePools(chain(undefined, then));
		assert.equal(kindsOf(merged), ['input', 'pooled']);
		same(chain(undefined, then), merged);
	}
	assert.equal(kindsOf(mergePools(chain({ fn: 'relu' }, { fn: 'tanh' }))), ['input', 'pooled', 'activation']);
});

test('what falls somewhere, is defined on one side only or is read elsewhere stays', () => {
	for (const fn of ['gelu', 'silu', 'hardSwish', 'abs', 'sqrt', 'reciprocal', 'cos'] as const)
		assert.equal(kindsOf(mergePools(chain({ fn }))), ['input', 'activation', 'pooled']);
	assert.equal(kindsOf(mergePools(chain({ fn: 'leakyRelu', parameters: [-0.1] }))), ['input', 'activation', 'pooled']);
	assert.equal(kindsOf(mergePools(chain(undefined, { fn: 'sqrt' }))), ['input', 'pooled', 'activation']);
	const sketch = new Sketch();
	const relu = applied(sketch, sketch.input('x', [6]), { fn: 'relu' }, 6);
	const pool = pooled(sketch, relu);
	const tanh = applied(sketch, pool, { fn: 'tanh' }, 3);
	const graph = sketch.graph({ y: [tanh, [3]], relu: [relu, [6]], pool: [pool, [3]] });
	assert.equal(kindsOf(mergePools(graph)), ['input', 'activation', 'pooled', 'activation']);
});

test('the functions that are said never to fall do not', () => {
	const functions: readonly Activation[] = ['relu', 'leakyRelu', 'clip', 'sigmoid', 'tanh', 'elu', 'softplus', 'softsign', 'erf', 'exp', 'atan', 'asinh', 'sinh', 'gelu', 'silu', 'mish', 'hardSwish', 'abs', 'sin', 'cos', 'cosh']; // biome-ignore format: one thought
	const number = fc.double({ min: -20, max: 20, noNaN: true });
	for (const fn of functions)
		fc.assert(
			fc.property(number, number, fc.double({ min: -2, max: 2, noNaN: true }), (a, b, parameter) => {
				const one = { fn, parameters: [parameter, parameter + 1] };
				if (!isNonDecreasing(one)) return;
				const f = functionOf(one);
				assert.ok(f(Math.min(a, b)) <= f(Math.max(a, b)) + 1e-12, `${fn} falls`);
			}),
			REPEATABLE,
		);
	assert.not(functions.slice(13).some((fn) => isNonDecreasing({ fn })));
});

test('tournaments find the same, in as many rounds as the largest window needs', () => {
	for (const then of [undefined, { fn: 'relu' }] as const) {
		const graph = mergePools(chain(undefined, then)) as Graph<BodyKind>;
		const expanded = expandPools(graph);
		same(graph, expanded);
		assert.is(stepsOf(expanded), then === undefined ? 2 : 3);
		assert.is(stepsOf(graph), 1);
	}
});

test('windows have bounds and a line of text, and broken ones are named', () => {
	const graph = mergePools(chain({ fn: 'relu' })) as Graph<BodyKind>;
	assert.match(print(graph), /%1 = relu of largest %0 \(3 windows, 6 members\) {2}: \[3\] {2}# pool/);
	const [low, high] = [Float64Array.of(-1, -2, -3, 0, 1, 2), Float64Array.of(0, 1, -1, 9, 2, 4)];
	assert.equal(propagate(graph, new Map([['x', { low, high }]]))[1], { low: Float64Array.of(0, 1, 2), high: Float64Array.of(1, 2, 4) }); // biome-ignore format: one thought
	const broken = (start: readonly number[], members: readonly number[]) => () => {
		const node = poolIn(graph) as Node<'pooled'>;
		const windows = { start: Int32Array.from(start), members: Int32Array.from(members) };
		verify({ ...graph, nodes: [graph.nodes[0] as Node, { ...node, windows }] });
	};
	assert.throws(broken([0, 2, 3], [0, 1, 2]), /there are not 3 windows/);
	assert.throws(broken([0, 2, 2, 3], [0, 1, 2]), /window 1 is empty/);
	assert.throws(broken([0, 1, 2, 3], [0, 6, 2]), /window 1 has member 6 of 6/);
	assert.throws(broken([0, 1, 3, 4], [0, 2, 2, 3]), /window 1 has member 2 twice/);
});

test.run();
