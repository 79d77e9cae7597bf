import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Activation, Node } from '../../../compiler/tensor/graph.ts';
import { domainIssue, frame, MARGIN } from '../../../compiler/tensor/passes/frame.ts';
import type { Interval } from '../../../compiler/tensor/ranges.ts';

const intervalOf = (fn: Activation, exact: Interval, seen = exact, margin = MARGIN): Interval => {
	const { center, radius } = frame(fn, exact, seen, margin);
	return [center - radius, center + radius];
};
const near = ([low, high]: Interval, [from, to]: Interval): void =>
	assert.ok(Math.abs(low - from) < 1e-12 && Math.abs(high - to) < 1e-12, `[${low}, ${high}], not [${from}, ${to}]`);

test('an interval has a margin of 10 % of its width, and is never narrower than 1 % of its place', () => {
	near(intervalOf('tanh', [-1, 3]), [-1.4, 3.4]);
	near(intervalOf('tanh', [-1, 3], [-1, 3], 0), [-1, 3]);
	near(intervalOf('exp', [5, 5]), [4.95, 5.05]);
	near(intervalOf('relu', [0, 0]), [-0.01, 0.01]);
});

test('before a singularity at 0 the margin takes a quarter of the distance at most, on either side', () => {
	near(intervalOf('log', [4, 5]), [3.9, 5.1]);
	near(intervalOf('log', [0.4, 5]), [0.3, 5.46]);
	near(intervalOf('reciprocal', [-5, -0.4]), [-5.46, -0.3]);
	near(intervalOf('sqrt', [0, 5]), [0, 5.5]);
	near(intervalOf('log', [0.4, 5], [0.4, 5], 0), [0.4, 5]);
});

test('values that polynomials before push over the singularity do not take the interval there', () => {
	near(intervalOf('log', [0.4, 5], [-0.6, 5]), [0.3, 5.56]);
	near(intervalOf('sqrt', [0, 5], [-1, 5]), [0, 5.6]);
	near(intervalOf('reciprocal', [-5, -0.4], [-5, 1]), [-5.6, -0.3]);
	for (const fn of ['log', 'reciprocal'] as const) {
		const [low] = intervalOf(fn, [0.001, 1], [0.001, 1e6]);
		assert.ok(low > 0, `${fn} from ${low}`);
	}
});

test('a narrow interval before a singularity grows, mostly away from it', () => {
	near(intervalOf('log', [0.004, 0.004]), [0.003, 0.014]);
	near(intervalOf('reciprocal', [-0.004, -0.004]), [-0.014, -0.003]);
	near(intervalOf('sqrt', [0, 0]), [0, 0.01]);
	near(intervalOf('log', [100, 100]), [99, 101]);
});

test('what lies outside a domain, or overflows, is an issue', () => {
	const codes = (fn: Activation, interval: Interval): readonly string[] => {
		const node: Node<'activation'> = { kind: 'activation', x: 0, fn, shape: [1], origin: 'node_1' };
		return domainIssue(node, interval, 'calibration').map(({ code, op, node }) => `${code} ${op} ${node}`);
	};
	assert.equal(codes('log', [1e-3, 5]), []);
	assert.equal(codes('log', [1e-7, 5]), ['range Log node_1']);
	assert.equal(codes('sqrt', [0, 5]), []);
	assert.equal(codes('sqrt', [-1e-3, 5]), ['range Sqrt node_1']);
	assert.equal(codes('reciprocal', [-2, -1]), []);
	assert.equal(codes('reciprocal', [-2, 1]), ['range Reciprocal node_1']);
	assert.equal(codes('exp', [-5, 5]), []);
	assert.equal(codes('exp', [0, 800]), ['range Exp node_1']);
	for (const interval of [
		[Number.NaN, Number.NaN],
		[1, Number.POSITIVE_INFINITY],
		[1e308, 1.5e308],
	] as const)
		for (const fn of ['log', 'sqrt', 'reciprocal', 'sigmoid', 'clip'] as const)
			assert.is(codes(fn, interval).length, 1, `${fn} on [${interval}]`);
});

test.run();
