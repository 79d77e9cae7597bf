import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compare, decisionOf, type Goal } from '../../cli/decisions.ts';
import { gather } from '../../cli/evidence/evidence.ts';
import { exactRun } from '../../cli/evidence/exact.ts';
import { scoresOf } from '../../cli/evidence/scores.ts';
import { evidenceHtml } from '../../cli/evidenceHtml.ts';
import { compile } from '../../compiler/index.ts';
import type { OutputPacking } from '../../runtime/plan.ts';
import { floats, model } from '../compile/models.ts';
import { node } from '../support/onnx.ts';

/** An image, a sigmoid, and two classes, with names that must be escaped. */
const bytes = model(
	[
		node('Sigmoid', ['<x>'], ['s'], { name: '<script>"' }),
		node('Flatten', ['s'], ['f'], { name: 'flat' }),
		node('Gemm', ['f', 'w', 'b'], ['y'], { name: 'dense' }),
	],
	{ '<x>': [1, 1, 4, 4] },
	['y'],
	{ w: floats([16, 2], 1), b: floats([2], 3) },
);
const samples = Array.from({ length: 40 }, (_, i) => Float64Array.from({ length: 16 }, (_, k) => Math.sin(7 * i + k)));
const { program, report, stages } = compile(bytes, { calibration: new Map([['<x>', samples]]) });
const [decider] = program.client.outputs as readonly [OutputPacking];
const run = samples.map((x) => new Map([['<x>', x]]));

/** The page of a run that found the outputs of the model but for the first, whose classes are exchanged. */
const pageOf = async (goal: Goal): Promise<string> => {
	const exact = exactRun(stages, run, 'y', () => {});
	const found = exact.raw.map((values, i) => (i === 0 ? values.toReversed() : values));
	const decide = decisionOf(decider);
	const decisions = { exact: exact.raw.map(decide), found: found.map(decide), labels: samples.map(() => 0) };
	const outcome = { exact: exact.raw, found, decisions: { ...decisions, scores: scoresOf(decider) } };
	const known = await gather(outcome, { error: 1e-3, magnitude: 1 }, { stages, exact, run });
	assert.equal(known.evidence.flipped.map(({ sample, beyond }) => [sample, beyond]), [[0, true]]); // biome-ignore format: one thought
	const comparison = compare(decide, decisions.labels, found, exact.raw);
	return evidenceHtml({
		...{ report, fresh: true, backend: 'clear', comparison, regression: null, warnings: ['<warned>'] },
		...{ goal, found, samples: run, ports: program.client.inputs, known },
	});
};

test('a run with a flip is shown with all there is to say of it', async () => {
	const page = await pageOf({ kind: 'classes', labels: samples.map(() => 0) });
	const titles = Array.from(page.matchAll(/<h2>([^<]*)<\/h2>/g), ([, title]) => title);
	assert.equal(titles, [
		...['Result', 'Errors', 'Margins', 'Flipped decisions', 'Inputs that flipped', 'Confusion matrix'],
		...['Layer by layer', 'Activations', 'Samples of the largest errors', 'Program'],
	]);
	assert.is(page.match(/<img /g)?.length, 1);
	assert.match(page, /class="dots marked"/);
	assert.match(page, /class="data"/);
	assert.match(page, /EXCEEDED/);
	assert.match(page, /1 of them by more than the predicted error explains/);
});

test('the page is one file without scripts, and what comes from a model is escaped', async () => {
	const page = await pageOf({ kind: 'values', targets: samples.map(() => Float64Array.of(0, 1)) });
	assert.match(page, /<h2>Values<\/h2>/);
	assert.not.match(page, /<script|<x>|<warned>|https?:|NaN|Infinity|undefined/);
	assert.ok(page.includes('&lt;script&gt;') && page.includes('&lt;warned&gt;'));
	const open = page.match(/<(section|svg|table|figure|div)\b/g)?.length;
	assert.is(page.match(/<\/(section|svg|table|figure|div)>/g)?.length, open);
});

test.run();
