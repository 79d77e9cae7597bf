import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { expectedFlips } from '../../../compiler/tensor/agreement.ts';
import { exactOn, outputRows } from '../../../compiler/tensor/approximation/exact.ts';
import { judgeOf, qualifies } from '../../../compiler/tensor/approximation/judge.ts';
import { levelsOf, replacedIn } from '../../../compiler/tensor/approximation/plan.ts';
import { partsOf, Search } from '../../../compiler/tensor/approximation/search.ts';
import { evaluate } from '../../../compiler/tensor/evaluate.ts';
import type { BodyKind, Graph } from '../../../compiler/tensor/graph.ts';
import { approximate } from '../../../compiler/tensor/passes/approximate.ts';
import { inputBounds } from '../../../compiler/tensor/ranges.ts';
import { dense, Sketch } from '../graphs.ts';
import { numbers, samplesOf } from '../layers.ts';

const tails = new Map([['y', []]]);
const bounds = new Map([['x', inputBounds([6], [-1, 1])]]);
const matrix = (seed: number, rows: number, columns: number) =>
	dense(Array.from({ length: rows }, (_, i) => [...numbers(seed + i, columns)]));

/** 6 -> 12 ReLU -> 10 ReLU -> 4 scores, with random weights. */
const network = (): Graph<BodyKind> => {
	const sketch = new Sketch();
	const x = sketch.input('x', [6]);
	const a = sketch.activation(sketch.affine([{ x, matrix: matrix(1, 12, 6) }], [12]), 'relu', [12]);
	const b = sketch.activation(sketch.affine([{ x: a, matrix: matrix(40, 10, 12) }], [10]), 'relu', [10]);
	const y = sketch.affine([{ x: b, matrix: matrix(80, 4, 10) }], [4]);
	return sketch.graph({ y: [y, [4]] }) as Graph<BodyKind>;
};
const samples = new Map([['x', samplesOf(3, 400, 6)]]);
const searched = (options: { readonly accuracyBudget?: number; readonly compensation?: boolean } = {}) => {
	const graph = network();
	return new Search(graph, exactOn(graph, samples), { tails, compensation: true, ...options });
};

test('samples that judge are not fitted to, in whatever order they come', () => {
	for (const count of [96, 400, 1000]) {
		const { fitted, judged } = partsOf(count);
		assert.is(new Set([...fitted, ...judged]).size, count);
		assert.is(fitted.length + judged.length, count);
		for (const period of [2, 4, 10]) {
			const classes = judged.filter((i) => i % period === 0).length / judged.length;
			assert.ok(Math.abs(classes - 1 / period) < 0.6 / period, `${count} ${period} ${classes}`);
		}
	}
	const few = partsOf(20);
	assert.equal(few.fitted, few.judged);
});

test('expected flips count all pairs of margins and errors', () => {
	const sketch = new Sketch();
	const x = sketch.input('x', [3]);
	const y = sketch.affine([{ x, matrix: matrix(7, 3, 3) }], [3]);
	const graph = sketch.graph({ y: [y, [3]] });
	const rows = samplesOf(9, 30, 3);
	const other = rows.map((row, i) => row.map((v, k) => v + 0.4 * (numbers(500 + i, 3)[k] as number)));
	const top = (row: Float64Array): number => row.indexOf(Math.max(...row));
	const races = rows.map((row, i) => {
		const first = top(row);
		const second = top(row.map((v, k) => (k === first ? Number.NEGATIVE_INFINITY : v)));
		const lead = (values: Float64Array): number => (values[first] as number) - (values[second] as number);
		return { margin: lead(row), error: lead(row) - lead(other[i] as Float64Array) };
	});
	for (const scale of [1, 2]) {
		const pairs = races.flatMap(({ margin }) => races.map(({ error }) => Number(margin < scale * error)));
		const expected = pairs.reduce((sum, one) => sum + one, 0) / pairs.length;
		assert.ok(expected > 0 && expected < 0.5);
		const found = expectedFlips(graph, tails, new Map([['y', rows]]), new Map([['y', other]]), scale);
		assert.ok(Math.abs(found - expected) < 1e-12);
	}
});

test('the chosen point does what is asked with the fewest levels of those that were looked at', () => {
	const search = searched({ accuracyBudget: 4 });
	const best = search.best();
	assert.ok(best !== undefined && qualifies(best.verdict));
	for (const point of search.points) {
		assert.is(point.levels, levelsOf(point.variant.graph, point.plan));
		if (qualifies(point.verdict)) assert.ok(point.levels >= (best?.levels ?? 0));
	}
	const levels = [20, 1, 0.05].map((accuracyBudget) => searched({ accuracyBudget }).best()?.levels ?? 0);
	assert.ok((levels[0] as number) < (levels[2] as number), `${levels}`);
});

test('within fewer levels the best of them is taken, and none where even the least takes more', () => {
	const search = searched();
	const free = search.best();
	const least = Math.min(...search.points.map(({ levels }) => levels));
	assert.ok((free?.levels ?? 0) > least);
	for (let most = least; most <= (free?.levels ?? 0); most++) {
		const point = search.best(most);
		assert.ok(point !== undefined && point.levels <= most);
		for (const other of search.points.filter(({ levels }) => levels <= most))
			if (!qualifies(point?.verdict ?? other.verdict))
				assert.ok((point?.verdict.badness ?? 9) <= other.verdict.badness);
	}
	assert.is(search.best(least - 1), undefined);
});

test('raising or lowering one function changes the levels of the longest path by as much', () => {
	const graph = network();
	const [first, second] = replacedIn(graph);
	const rung = (levels: number) => ({ levels, degrees: [2 ** levels] });
	const plan = (a: number, b: number) => new Map([first, second].map((id, k) => [id as number, rung(k === 0 ? a : b)]));
	assert.equal([levelsOf(graph, plan(1, 1)), levelsOf(graph, plan(3, 1)), levelsOf(graph, plan(2, 4))], [5, 7, 9]);
});

test('layers fitted anew lose fewer decisions on samples that nothing was fitted to', () => {
	const graph = network();
	const options = { samples, inputs: bounds, tails, degree: 2 };
	const fresh = samplesOf(77, 500, 6);
	const exact = fresh.map((x) => evaluate(graph, new Map([['x', x]])).get('y') as Float64Array);
	const errorOf = (compensation: boolean): number => {
		const result = approximate(graph, { ...options, compensation }).graph;
		const found = fresh.map((x) => evaluate(result, new Map([['x', x]])).get('y') as Float64Array);
		return judgeOf(graph, { tails }, new Map([['y', exact]])).judge(new Map([['y', found]])).error;
	};
	const [without, anew] = [errorOf(false), errorOf(true)];
	assert.ok(anew < 0.8 * without, `${anew} against ${without}`);
	const { report } = approximate(graph, options);
	assert.ok((report.compensation?.layers ?? 0) >= 1);
	const error = (agreement: typeof report.agreement): number => agreement?.relativeErrors.get('y') ?? 0;
	assert.ok(error(report.agreement) < error(report.compensation?.without));
});

test('the trade-off has the chosen point, and none that another beats', () => {
	const { report } = approximate(network(), { samples, inputs: bounds, tails });
	assert.is(report.tradeOffs.filter(({ chosen }) => chosen).length, 1);
	for (const [i, { levels }] of report.tradeOffs.entries()) assert.ok(levels >= (report.tradeOffs[i - 1]?.levels ?? 0));
});

test('values on the samples are those of the graph', () => {
	const graph = network();
	const { rows } = exactOn(graph, samples);
	const outputs = outputRows(graph, (id) => rows[id] ?? [], [5, 0]).get('y');
	for (const [k, i] of [5, 0].entries())
		assert.equal(outputs?.[k], evaluate(graph, new Map([['x', samples.get('x')?.[i] as Float64Array]])).get('y'));
});

test.run();
