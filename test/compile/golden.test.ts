import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as ckks from '../../compiler/ckks/text.ts';
import * as plan from '../../compiler/codegen/text.ts';
import { compile } from '../../compiler/index.ts';
import * as slots from '../../compiler/slots/text.ts';
import * as tensor from '../../compiler/tensor/text.ts';
import { tiny } from './models.ts';

/**
 * The text of one tiny model at every stage. `npm run bless` (UPDATE_GOLDEN=1) writes the files anew; their difference is
 * for a reader to judge.
 */
const folder = join(import.meta.dirname, '..', 'golden');
const { imported, core, lowered, solution, program } = compile(tiny()).stages;
const texts: readonly (readonly [string, string])[] = [
	['imported', tensor.print(imported.graph)],
	['core', tensor.print(core)],
	['slots', slots.print(lowered.circuit)],
	['ckks', ckks.print(solution.circuit)],
	['plan', plan.print(program)],
];

/** Longer than a screen, a golden file is read by nobody. */
const SCREEN = 60;

/** The lines that differ, with their numbers. */
const differences = (expected: string, actual: string): string => {
	const [before, after] = [expected.split('\n'), actual.split('\n')];
	const lines = Array.from({ length: Math.max(before.length, after.length) }, (_, k) =>
		before[k] === after[k]
			? []
			: [
					...(before[k] === undefined ? [] : [`${k + 1} - ${before[k]}`]),
					...(after[k] === undefined ? [] : [`${k + 1} + ${after[k]}`]),
				],
	).flat();
	return [...lines.slice(0, 12), ...(lines.length > 12 ? [`... ${lines.length - 12} more`] : [])].join('\n');
};

for (const [stage, text] of texts)
	test(`the ${stage} text is the golden one (npm run bless accepts a new one)`, () => {
		const path = join(folder, `${stage}.txt`);
		if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, text);
		assert.ok(text.split('\n').length <= SCREEN, `${text.split('\n').length} lines`);
		const golden = readFileSync(path, 'utf8');
		if (golden !== text) assert.unreachable(`test/golden/${stage}.txt differs:\n${differences(golden, text)}`);
	});

test.run();
