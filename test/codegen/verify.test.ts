import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { print } from '../../compiler/codegen/text.ts';
import { verify } from '../../compiler/codegen/verify.ts';
import type { Instruction, Program, ServerProgram } from '../../runtime/plan.ts';
import { everyOperation } from '../runtime/support.ts';
import { assertFinds } from '../support/verifier.ts';

const sample = everyOperation();
const server = (change: Partial<ServerProgram>): Program => ({ ...sample, server: { ...sample.server, ...change } });
const instructions = (change: (steps: readonly Instruction[]) => readonly Instruction[]): Program =>
	server({ instructions: change(sample.server.instructions) });

const broken: readonly (readonly [string, Program, RegExp])[] = [
	['a register that is empty', instructions((steps) => steps.slice(1)), /empty/],
	['a register beyond those declared', server({ registers: 2 }), /writes register/],
	['an input that is loaded twice', instructions((steps) => [steps[0] as Instruction, ...steps]), /again/],
	[
		'an output that is stored twice',
		instructions((steps) => [...steps, steps.find(({ op }) => op === 'output') as Instruction]),
		/again/,
	],
	['an output that is never stored', instructions((steps) => steps.slice(0, -1)), /does not compute output/],
	[
		'an input part that is never loaded',
		server({ inputs: sample.server.inputs.map((input) => ({ ...input, parts: 2 })) }),
		/does not load input/,
	],
	['a rotation without a key', server({ keys: { relinearization: 1, steps: [{ step: 3, level: 1 }] } }), /no key/],
	[
		'a rotation above the level that its key serves',
		server({
			keys: {
				relinearization: 1,
				steps: sample.server.keys.steps.map(({ step }, k) => ({ step, level: k })),
			},
		}),
		/no key for rotation by 3 at level 1/,
	],
	[
		'a relinearisation above the level that its key serves',
		server({ keys: { ...sample.server.keys, relinearization: 0 } }),
		/no key for relinearization at level 1/,
	],
	['a constant that does not exist', server({ constants: sample.server.constants.slice(0, 1) }), /no constant/],
	['constants that end too early', { ...sample, constants: sample.constants.subarray(1) }, /outside/],
	[
		'a tail that does not give the shape of its output',
		{ ...sample, client: { ...sample.client, outputs: sample.client.outputs.map((y) => ({ ...y, shape: [1, 1] })) } },
		/another shape/,
	],
	['halves of different programs', server({ fingerprint: '0'.repeat(64) }), /differ/],
	['halves of different parameters', server({ parameters: { ...sample.server.parameters, security: 192 } }), /differ/],
];

test('a valid plan passes and prints one line for each instruction', () => {
	verify(sample);
	assert.is(print(sample).trimEnd().split('\n').length, 2 + sample.server.instructions.length);
});

for (const [what, program, message] of broken)
	test(`the verifier finds ${what}`, () => assertFinds(() => verify(program), message));

test.run();
