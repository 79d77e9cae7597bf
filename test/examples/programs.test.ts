import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { examples } from '../../examples/programs/index.ts';
import { errorOf, samplesOf } from '../../examples/programs/samples.ts';
import { checkExample, roots } from './support.ts';

const folder = new URL('../../examples/programs/', import.meta.url);
const linesOf = (file: string): readonly string[] =>
	readFileSync(new URL(file, folder), 'utf8')
		.split('\n')
		.filter((line) => line.trim() !== '');

for (const name of Object.keys(examples).filter((name) => !roots.includes(name)))
	test(`${name} is within a thousandth of plain JavaScript, encrypted at 128 bits`, () => checkExample(name, 3));

test('a wrong result is seen', () => {
	const { linear } = examples;
	assert.ok(linear);
	const [sample = new Map()] = samplesOf(linear);
	const right = Float64Array.from(linear.reference(...sample.values()));
	assert.is(errorOf(linear, sample, right), 0);
	assert.ok(errorOf(linear, sample, right.with(3, (right[3] ?? 0) + 0.01)) > 1e-3);
	assert.ok(Number.isNaN(errorOf(linear, sample, right.slice(1))));
});

test("they are ten, each below 15 lines of code, all together in no more lines than HEFactory's 304", () => {
	const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));
	const isCode = (line: string): boolean => !/^\s*(import |\/\*\*|\*|\/\/)/.test(line);
	assert.is(Object.keys(examples).length, 10);
	for (const name of Object.keys(examples)) {
		assert.ok(files.includes(`${name}.ts`));
		assert.ok(linesOf(`${name}.ts`).filter(isCode).length < 15, name);
	}
	assert.ok(files.reduce((sum, file) => sum + linesOf(file).length, 0) <= 304);
});

test.run();
