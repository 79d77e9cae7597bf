import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InternalError } from '../../compiler/errors.ts';
import { type Ir, PassRunner } from '../../compiler/pass.ts';

/** A form that is valid when it is positive. */
const positive: Ir<number> = {
	verify: (value) => {
		if (value <= 0) throw new Error(`${value} is not positive`);
	},
	print: (value) => `value ${value}`,
};

const names = ['first', 'second'];
const isInvalid = (error: unknown): boolean =>
	error instanceof InternalError && /^second: .*-1 is not positive/.test(error.message);

test('a form that fails its verification was seen before', () => {
	const seen: string[] = [];
	const runner = new PassRunner({ observe: ({ pass, text }) => seen.push(`${pass}: ${text()}`) }, names);
	assert.is(runner.run('first', () => 1, positive), 1); // biome-ignore format: one thought
	assert.throws(() => runner.run('second', () => -1, positive), isInvalid);
	assert.equal(seen, ['first: value 1', 'second: value -1']);
});

test('a form too broken to be shown is reported by what is wrong with it', () => {
	const print = (): string => {
		throw new TypeError('no such operand');
	};
	const runner = new PassRunner({ observe: ({ text }) => text() }, names);
	assert.throws(() => runner.run('second', () => -1, { ...positive, print }), isInvalid);
	assert.throws(() => runner.run('second', () => 1, { ...positive, print }), /no such operand/);
});

test.run();
