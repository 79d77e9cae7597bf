import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeBuild } from '../../compiler/codegen/index.ts';
import { clientModule, clientTypes, serverModule } from '../../compiler/codegen/modules.ts';
import { schedule } from '../../compiler/codegen/registers.ts';
import { compile } from '../../compiler/index.ts';
import { operandsOf } from '../../compiler/slots/circuit.ts';
import type { Instruction, Program } from '../../runtime/plan.ts';
import { convolutional } from '../compile/models.ts';

const compiled = compile(convolutional());
const { program } = compiled;
const { circuit } = compiled.stages.solution;

const readsOf = (step: Instruction): readonly number[] =>
	step.op === 'input' ? [] : step.op === 'combine' ? step.terms : 'b' in step ? [step.a, step.b] : [step.a];

test('every operation is one instruction, in order, and outputs follow at once', () => {
	const kinds = program.server.instructions.filter(({ op }) => op !== 'output').map(({ op }) => op);
	assert.equal(
		kinds,
		circuit.ops.map(({ kind }) => kind),
	);
});

test('registers are reused: no more than are alive at once, and no value is overwritten before its last reader', () => {
	const { instructions, registers } = schedule(circuit, () => 0);
	const shown = new Set(circuit.outputs.flatMap(({ parts }) => parts));
	const last = circuit.ops.map((_, id) => id);
	circuit.ops.forEach((op, id) => {
		for (const operand of operandsOf(op)) last[operand] = id;
	});
	// What each register holds, by following the circuit beside the instructions.
	const holds: number[] = [];
	let id = -1;
	let mostAlive = 0;
	for (const step of instructions) {
		if (step.op === 'output') {
			assert.is(holds[step.a], circuit.outputs[step.output]?.parts[step.part]);
			continue;
		}
		id++;
		const op = circuit.ops[id] as (typeof circuit.ops)[number];
		assert.equal(
			readsOf(step).map((register) => holds[register]),
			operandsOf(op),
		);
		holds[step.to] = id;
		const alive = circuit.ops.map((_, k) => k).filter((k) => k < id && (last[k] as number) >= id);
		const after = alive.filter((k) => (last[k] as number) > id || shown.has(k));
		mostAlive = Math.max(mostAlive, after.length + 1);
	}
	assert.is(registers, mostAlive);
});

test('constants are stored once and hold the values of the circuit', () => {
	const { server, constants } = program;
	const { slots } = circuit;
	server.constants.forEach(({ offset, level, scale }, id) => {
		const { plain, ...spec } = circuit.constants[id] as (typeof circuit.constants)[number];
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
