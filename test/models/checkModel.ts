import * as assert from 'uvu/assert';
import { compileZoo, rowsOf } from '../../bench/zoo.ts';
import type { ZooModel } from '../../models/index.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import type { Result } from '../../runtime/results.ts';
import { rawOf, runEncrypted } from '../compile/encrypted.ts';
import { checkPredicted } from '../compile/support.ts';

/** Those whose keys and compilation take too long for every run of the tests. */
const LARGE: readonly string[] = ['lenet5-mnist'];
export const isLarge = ({ name }: ZooModel): boolean => LARGE.includes(name);

const COMPARED = 3;

/** Its first test samples, encrypted, give on the kernel what they give on the clear backend, within the error that the program predicts. */
export const checkZooModel = async (model: ZooModel): Promise<void> => {
	const { program, input } = compileZoo(model);
	const rows = rowsOf(model.samples).slice(0, COMPARED);
	const samples = rows.map((data) => new Map([[input, data]]));
	const clear = await evaluateLocally(program, 'clear', samples);
	const results = await runEncrypted(program, samples, { backend: 'kernel' });
	assert.is(results.length, COMPARED);
	results.forEach((result, k) => {
		assert.equal(result.warnings, []);
		checkPredicted(program, rawOf(result), rawOf(clear[k] as Result), 1);
	});
};
