import * as assert from 'uvu/assert';
import { maskingOf } from '../../cli/audit/masking.ts';
import type { Compiled } from '../../compiler/index.ts';

/** Random inputs of two seeds, two evaluations each. */
const SEEDS = [1, 2] as const;

/** Slots of all outputs that hold neither an element nor zero, as evaluations on random accepted inputs show them. */
export const leftoversOf = ({ program }: Pick<Compiled, 'program'>): number =>
	SEEDS.reduce((most, seed) => {
		const sum = maskingOf(program, seed).outputs.reduce((total, { leftovers }) => total + leftovers, 0);
		return Math.max(most, sum);
	}, 0);

/** All elements of the outputs are where the program says, and all other slots that the key owner decrypts are zero or copies of them. */
export const checkMasked = (compiled: Compiled, name: string): void => {
	const { client } = compiled.program;
	const { outputs } = maskingOf(compiled.program, 3);
	assert.equal(
		outputs.map(({ output }) => output),
		client.outputs.map((output) => output.name),
		name,
	);
	outputs.forEach(({ output, elements, zeros, copies, slots }, k) => {
		const size = (client.outputs[k]?.encryptedShape ?? []).reduce((product, d) => product * d, 1);
		assert.is(elements, size * client.batch, `${name}: elements of ${output}`);
		assert.is(elements + zeros + copies, slots, `${name}: slots of ${output}`);
	});
	assert.is(leftoversOf(compiled), 0, name);
	assert.ok(compiled.report.masking.on && compiled.report.masking.outputs.every(({ how }) => how !== 'left'), name);
};
