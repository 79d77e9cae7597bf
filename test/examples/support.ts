import * as assert from 'uvu/assert';
import { modulusLimit } from '../../compiler/ckks/security.ts';
import { compile } from '../../compiler/index.ts';
import { examples, options } from '../../examples/programs/index.ts';
import { errorOf, samplesOf } from '../../examples/programs/samples.ts';
import { rawOf, runEncrypted } from '../compile/encrypted.ts';

/** Examples that take a root down to 0: far deeper than the others, and tested in a file of their own. */
export const roots: readonly string[] = ['distance', 'roberts'];

/**
 * An example, encrypted at 128 bits by the table of 2024, is within a thousandth of plain JavaScript, relative to its range, for random
 * inputs and at the ends of their ranges, in no more than so many levels.
 */
export const checkExample = async (name: string, mostLevels: number): Promise<void> => {
	const example = examples[name];
	assert.ok(example, name);
	const { program, stages } = compile(example.program, options);
	assert.ok(stages.depth <= mostLevels, `${stages.depth} levels`);
	const { ringDegree, primes, specialPrime } = program.client.parameters;
	const size = [...primes, specialPrime].reduce((sum, prime) => sum + Math.log2(prime), 0);
	assert.ok(size <= modulusLimit(ringDegree, 128), `${size} bits at N = ${ringDegree}`);
	const samples = samplesOf(example, { bits: name === 'hamming' });
	const results = await runEncrypted(program, samples);
	assert.is(results.length, samples.length);
	results.forEach((result, i) => {
		const [values = new Float64Array()] = rawOf(result).values();
		const error = errorOf(example, samples[i] ?? new Map(), values);
		assert.ok(error > 0, 'no noise: nothing was encrypted');
		assert.ok(error <= 1e-3, `sample ${i} is off by ${error} of the range`);
	});
};
