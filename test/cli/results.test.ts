import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outputsJson, stackResults, valuesText } from '../../cli/results.ts';
import type { ClientProgram, OutputPacking } from '../../runtime/plan.ts';
import type { Result } from '../../runtime/results.ts';

const outputs: readonly Partial<OutputPacking>[] = [{ name: 'label', classes: ['ant', 'bee'] }, { name: 'score' }];
const program = { outputs } as ClientProgram;

/** What one sample gives: an index and a number. */
const resultOf = (index: number, score: number): Result => {
	const tensor = (shape: readonly number[], value: number) => {
		const data = Float64Array.of(value);
		return { shape, data, raw: { shape, data } };
	};
	return {
		outputs: new Map([
			['label', tensor([1], index)],
			['score', tensor([1, 1], score)],
		]),
		warnings: [],
	};
};

test('classes are shown by name, and their names stand beside the indices', () => {
	const arrays = stackResults(program, [resultOf(1, 0.5), resultOf(0, 0.25)]);
	assert.equal([...arrays.values()].map(valuesText), ['bee  ant', '0.5  0.25']);
	assert.equal(outputsJson(arrays, new Map([['score', 's.npy']])), [
		{ name: 'label', shape: [2], classes: ['ant', 'bee'], data: [1, 0] },
		{ name: 'score', shape: [2, 1], file: 's.npy' },
	]);
});

test.run();
