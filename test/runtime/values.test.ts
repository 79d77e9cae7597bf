import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RefusedError } from '../../runtime/errors.ts';
import type { Instruction, ServerProgram } from '../../runtime/plan.ts';
import { valuesOf } from '../../runtime/values.ts';
import { everyKey, everyOperation, makeProgram, SCALE, SMALL } from './support.ts';

const [, Q] = SMALL.primes as [number, number];
const values = new Float64Array(SMALL.ringDegree / 2).fill(0.5);

/** Two inputs in registers 0 and 1, digits of the first in 2, its rotation in 3, the product of both in 4; then `steps`. */
const programOf = (...steps: readonly Instruction[]): ServerProgram => {
	const { server } = makeProgram({
		inputs: [{ shape: [8] }, { shape: [8] }],
		outputs: [{ level: 1, scale: SCALE }],
		keys: { ...everyKey(SMALL, 3), relinearization: 1 },
		constants: [
			{ level: 1, scale: 2 ** 10, values },
			{ level: 1, scale: SCALE, values },
			{ level: 0, scale: 2 ** 10, values },
		],
		instructions: [
			{ op: 'input', to: 0, input: 0, part: 0 },
			{ op: 'input', to: 1, input: 1, part: 0 },
			{ op: 'decompose', to: 2, a: 0 },
			{ op: 'rotate', to: 3, a: 0, digits: 2, steps: 3 },
			{ op: 'multiply', to: 4, a: 0, b: 1 },
			...steps,
		],
	});
	const extended = [0, 1].map((k) => ({
		...(server.constants[k] as ServerProgram['constants'][number]),
		extended: true as const,
	}));
	return { ...server, constants: [...server.constants, ...extended] };
};

/** Of the last of these steps, in a program without outputs. */
const resultOf = (...steps: readonly Instruction[]): unknown =>
	valuesOf({ ...programOf(...steps), outputs: [] }).at(-1);
const ciphertext = (level: number, scale: number, size: 2 | 3, extended: boolean) => [
	{ kind: 'ciphertext', level, scale, size, extended },
];

test('what an instruction writes follows from what it reads', () => {
	assert.equal(resultOf(), ciphertext(1, SCALE ** 2, 3, false));
	assert.equal(resultOf({ op: 'add', to: 5, a: 0, b: 3 }), ciphertext(1, SCALE, 2, true));
	assert.equal(resultOf({ op: 'subtract', to: 5, a: 4, b: 4 }), ciphertext(1, SCALE ** 2, 3, false));
	assert.equal(resultOf({ op: 'negate', to: 5, a: 3 }), ciphertext(1, SCALE, 2, true));
	assert.equal(resultOf({ op: 'addPlain', to: 5, a: 3, constant: 1 }), ciphertext(1, SCALE, 2, true));
	assert.equal(resultOf({ op: 'relinearize', to: 5, a: 4 }), ciphertext(1, SCALE ** 2, 2, true));
	assert.equal(resultOf({ op: 'rescale', to: 5, a: 3 }), ciphertext(0, SCALE / Q, 2, false));
	assert.equal(resultOf({ op: 'modDown', to: 5, a: 3 }), ciphertext(1, SCALE, 2, false));
	assert.equal(resultOf({ op: 'modSwitch', to: 5, a: 3, level: 0 }), ciphertext(0, SCALE, 2, true));
	const sum = { op: 'sumProducts', to: 5 } as const;
	assert.equal(resultOf({ ...sum, terms: [0, 1], constants: [0, 0] }), ciphertext(1, SCALE * 2 ** 10, 2, false));
	assert.equal(resultOf({ ...sum, terms: [3], constants: [3] }), ciphertext(1, SCALE * 2 ** 10, 2, true));
	const combine = { op: 'combine', to: [5, 6], terms: [0, 1], offset: 0, level: 1, scale: 2 ** 10 } as const;
	const [each] = ciphertext(1, SCALE * 2 ** 10, 2, false);
	assert.equal(resultOf(combine), [each, each]);
});

const refused: readonly (readonly [string, readonly Instruction[], RegExp])[] = [
	['a register that is empty', [{ op: 'negate', to: 5, a: 7 }], /register 7 is empty/],
	[
		'a rotation without digits',
		[{ op: 'rotate', to: 5, a: 0, steps: 3 } as Instruction],
		/register undefined is empty/,
	],
	['a register beyond those declared', [{ op: 'negate', to: 8, a: 0 }], /writes register 8 of 8/],
	['a register that is no number of one', [{ op: 'negate', to: 0.5, a: 0 }], /writes register 0.5/],
	[
		'two results in one register',
		[{ op: 'combine', to: [5, 5], terms: [0], offset: 0, level: 1, scale: 2 }],
		/one register/,
	],
	['an input that does not exist', [{ op: 'input', to: 5, input: 2, part: 0 }], /no part 0 of port 2/],
	['a part that does not exist', [{ op: 'input', to: 5, input: 0, part: 1 }], /no part 1/],
	['an extended output', [{ op: 'output', a: 3, output: 0, part: 0 }], /divided by P first/],
	['an output of size 3', [{ op: 'output', a: 4, output: 0, part: 0 }], /size 3/],
	[
		'an output of another scale',
		[
			{ op: 'sumProducts', to: 5, terms: [0], constants: [0] },
			{ op: 'output', a: 5, output: 0, part: 0 },
		],
		/another level or scale/,
	],
	['a product of what is extended', [{ op: 'multiply', to: 5, a: 0, b: 3 }], /divided by P first/],
	[
		'a sum of two levels',
		[
			{ op: 'modSwitch', to: 5, a: 0, level: 0 },
			{ op: 'add', to: 5, a: 5, b: 1 },
		],
		/levels 0 and 1/,
	],
	[
		'a sum of two scales',
		[
			{ op: 'sumProducts', to: 5, terms: [0], constants: [0] },
			{ op: 'add', to: 5, a: 5, b: 1 },
		],
		/scales/,
	],
	[
		'what is extended beside size 3',
		[
			{ op: 'sumProducts', to: 5, terms: [3], constants: [4] },
			{ op: 'add', to: 5, a: 5, b: 4 },
		],
		/beside one of size 3/,
	],
	['an extended constant that is added', [{ op: 'addPlain', to: 5, a: 3, constant: 4 }], /the constant is extended/],
	['a constant of another scale', [{ op: 'addPlain', to: 5, a: 0, constant: 0 }], /another level or scale/],
	['a constant that does not exist', [{ op: 'addPlain', to: 5, a: 0, constant: 9 }], /no constant 9/],
	['a sum without terms', [{ op: 'sumProducts', to: 5, terms: [], constants: [] }], /no terms/],
	['fewer constants than terms', [{ op: 'sumProducts', to: 5, terms: [0, 1], constants: [0] }], /2 terms and 1/],
	['a product at another level', [{ op: 'sumProducts', to: 5, terms: [0], constants: [2] }], /level/],
	[
		'an extended term and a constant that is not',
		[{ op: 'sumProducts', to: 5, terms: [3], constants: [0] }],
		/extended/,
	],
	['terms of which one is extended', [{ op: 'sumProducts', to: 5, terms: [0, 3], constants: [0, 3] }], /kinds/],
	[
		'a combination of what is extended',
		[{ op: 'combine', to: [5], terms: [3], offset: 0, level: 1, scale: 2 }],
		/divided by P first/,
	],
	['numbers at another level', [{ op: 'combine', to: [5], terms: [0], offset: 0, level: 0, scale: 2 }], /level/],
	['digits of size 3', [{ op: 'decompose', to: 5, a: 4 }], /size 3/],
	['digits of another value', [{ op: 'rotate', to: 5, a: 1, digits: 2, steps: 3 }], /no digits of it/],
	['a ciphertext in place of digits', [{ op: 'rotate', to: 5, a: 0, digits: 0, steps: 3 }], /no digits of it/],
	['digits in place of a ciphertext', [{ op: 'negate', to: 5, a: 2 }], /digits/],
	['a rotation without a key', [{ op: 'rotate', to: 5, a: 0, digits: 2, steps: 4 }], /no key for rotation by 4/],
	['a rotation by nothing', [{ op: 'rotate', to: 5, a: 0, digits: 2, steps: 0 }], /cannot rotate/],
	['size 2 relinearised', [{ op: 'relinearize', to: 5, a: 0 }], /size 2/],
	['a division by P of what is not extended', [{ op: 'modDown', to: 5, a: 0 }], /not extended/],
	['a level switched upwards', [{ op: 'modSwitch', to: 5, a: 0, level: 1 }], /not above/],
	['a level below zero', [{ op: 'modSwitch', to: 5, a: 0, level: -1 }], /no level -1/],
	[
		'a rescale at the last level',
		[
			{ op: 'modSwitch', to: 5, a: 0, level: 0 },
			{ op: 'rescale', to: 5, a: 5 },
		],
		/no level is left/,
	],
	[
		'a scale beyond the modulus',
		[
			{ op: 'relinearize', to: 5, a: 4 },
			{ op: 'modDown', to: 5, a: 5 },
			{ op: 'multiply', to: 5, a: 5, b: 0 },
		],
		/a scale of/,
	],
];

for (const [what, steps, message] of refused)
	test(`refused: ${what}`, () => {
		try {
			valuesOf(programOf(...steps));
		} catch (error) {
			assert.instance(error, RefusedError);
			assert.is((error as RefusedError).code, 'program');
			assert.match((error as RefusedError).message, message);
			assert.match((error as RefusedError).message, `instruction ${4 + steps.length} (${steps.at(-1)?.op})`);
			return;
		}
		assert.unreachable('nothing was refused');
	});

test('keys that serve lower levels only are refused', () => {
	const { server } = everyOperation();
	assert.is(valuesOf(server).length, server.instructions.length);
	const low = { ...server, keys: { ...server.keys, relinearization: 0 } };
	assert.throws(() => valuesOf(low), /no key for relinearization at level 1/);
});

test.run();
