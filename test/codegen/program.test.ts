import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { combinationsOf } from '../../compiler/codegen/combinations.ts';
import { fused } from '../../compiler/codegen/fuse.ts';
import { writeBuild } from '../../compiler/codegen/index.ts';
import { clientModule, clientTypes, serverModule } from '../../compiler/codegen/modules.ts';
import { schedule } from '../../compiler/codegen/schedule.ts';
import { compile } from '../../compiler/index.ts';
import { type Instruction, type Program, registersRead, registersWritten } from '../../runtime/plan.ts';
import { allocated } from '../../runtime/registers.ts';
import { convolutional } from '../compile/models.ts';

const compiled = compile(convolutional());
const { program } = compiled;
const { circuit } = compiled.stages.solution;

test('registers are reused: no more than values are alive at once, and each holds one until its last reader', () => {
	const { instructions: values } = fused(circuit, { groups: combinationsOf(circuit), weightsAt: () => 0, batch: 1 });
	const { instructions: placed, registers } = allocated(values);
	const last = new Map<number, number>();
	values.forEach((step, k) => {
		for (const value of [...registersRead(step), ...registersWritten(step)]) last.set(value, k);
	});
	const holds = new Map<number, number>();
	let mostAlive = 0;
	placed.forEach((step, k) => {
		const named = values[k] as Instruction;
		const held = registersRead(step).map((register) => holds.get(register));
		assert.equal(held, [...registersRead(named)]);
		const written = registersWritten(named);
		const alive = [...holds.values()].filter((value) => (last.get(value) as number) > k).length + written.length;
		mostAlive = Math.max(mostAlive, alive);
		registersWritten(step).forEach((register, i) => {
			assert.not.ok((last.get(holds.get(register) ?? -1) ?? -1) > k, 'a value is overwritten before its last reader');
			holds.set(register, written[i] as number);
		});
	});
	assert.is(registers, mostAlive);
});

test('every instruction is for one operation of the circuit, and outputs follow it at once', () => {
	const { sources } = compiled.stages;
	assert.is(sources.length, program.server.instructions.length);
	program.server.instructions.forEach((step, k) => {
		if (step.op !== 'output') return;
		assert.is(sources[k], circuit.outputs[step.output]?.parts[step.part]);
		assert.is(sources[k - 1], sources[k]);
	});
});

test('constants are stored once and hold the values of the circuit', () => {
	const { server, constants } = program;
	const { slots } = circuit;
	const used = schedule(circuit, () => 0).constants;
	assert.is(used.length, server.constants.length);
	server.constants.forEach(({ offset, level, scale, extended }, id) => {
		assert.is(extended ?? false, used[id]?.extended);
		const { plain, ...spec } = circuit.constants[used[id]?.constant ?? -1] as (typeof circuit.constants)[number];
		assert.equal({ level, scale }, spec);
		const expected = plain === 'ones' ? new Float64Array(slots).fill(1) : circuit.plains[plain];
		assert.equal(constants.slice(offset, offset + slots), expected);
	});
	const vectors = new Set(server.constants.map(({ offset }) => offset));
	assert.is(constants.length, vectors.size * slots);
});

test('both halves carry one fingerprint, and no weight is on the client', () => {
	assert.is(program.client.fingerprint, program.server.fingerprint);
	assert.match(program.client.fingerprint, /^[0-9a-f]{64}$/);
	assert.equal(Object.keys(program.client).sort(), [
		'batch',
		'fingerprint',
		'format',
		'inputs',
		'keys',
		'name',
		'outputs',
		'parameters',
	]);
});

test('a build holds the constants as little-endian float64', () => {
	const bytes = writeBuild(compiled).get('server/constants.bin') as Uint8Array;
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	assert.is(bytes.length, 8 * program.constants.length);
	program.constants.forEach((value, i) => {
		assert.ok(Object.is(view.getFloat64(8 * i, true), value));
	});
});

/** The text without its comments and strings, read from left to right as JavaScript is. */
const codeOf = (text: string): string => {
	const token = /\/\*[\s\S]*?\*\/|\/\/[^\n\r\u2028\u2029]*|(["'`])(?:\\[\s\S]|(?!\1)[^\\])*\1/g;
	return text.replace(token, '');
};

test('the types of inputs are as deep as their shapes, with dimensions of 1 or without, and pictures where they can be', () => {
	const typeOf = (shape: readonly number[]): string => {
		const inputs = program.client.inputs.map((input) => ({ ...input, name: 'x', shape }));
		const text = clientTypes({ ...program.client, inputs });
		return /readonly "x": (.*);/.exec(text)?.[1] ?? '';
	};
	assert.is(typeOf([]), 'Numbers<1>');
	assert.is(typeOf([7]), 'Numbers<1>');
	assert.is(typeOf([1, 30]), 'Numbers<1 | 2>');
	assert.is(typeOf([2, 3]), 'Numbers<1 | 2> | Picture');
	assert.is(typeOf([1, 3, 8, 9]), 'Numbers<1 | 3 | 4> | Picture');
	assert.is(typeOf([1, 8, 9, 3]), 'Numbers<1 | 3 | 4> | Picture');
	assert.is(typeOf([1, 1, 8, 9]), 'Numbers<1 | 2 | 3 | 4> | Picture');
	assert.is(typeOf([8, 9, 1]), 'Numbers<1 | 2 | 3> | Picture');
	assert.is(typeOf([4, 8, 9]), 'Numbers<1 | 3>');
	assert.is(typeOf([2, 3, 8, 9]), 'Numbers<1 | 4>');
	assert.is(typeOf([1, 1, 2, 8, 9]), 'Numbers<1 | 3 | 4 | 5>');
});

test('names from a model cannot end a comment or a line of the generated modules', () => {
	const names = ['*/ evil(); /*', 'a\nevil();', 'a\u2028evil();', 'a\u2029evil();', '`;evil();`', "'; evil(); '"];
	for (const name of names) {
		const client: Program['client'] = {
			...program.client,
			name,
			inputs: program.client.inputs.map((input) => ({ ...input, name })),
			outputs: program.client.outputs.map((output) => ({ ...output, name })),
		};
		const texts = [clientModule(client), clientTypes(client), serverModule({ ...program.server, name })];
		for (const text of texts) assert.not.match(codeOf(text), /evil/, name);
	}
});

test.run();
