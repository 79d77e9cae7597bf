import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compileZoo } from '../../bench/zoo.ts';
import { estimateMilliseconds, kernelCostsOf } from '../../compiler/ckks/cost.ts';
import { at } from '../../compiler/ckks/milliseconds.ts';
import { evaluationMilliseconds, instructionTimes } from '../../compiler/codegen/times.ts';
import { compile } from '../../compiler/index.ts';
import { models } from '../../models/index.ts';
import { convolutional } from '../compile/models.ts';

const near = (share: number, found: number, expected: number, what: string): void =>
	assert.ok(Math.abs(found - expected) <= share * expected, `${what}: ${found}, not ${expected}`);

test('a plan and the circuit it is made of are predicted to take about the same time', () => {
	for (const model of models.filter(({ name }) => name !== 'lenet5-mnist')) {
		const { program, stages } = compileZoo(model);
		const { circuit } = stages.solution;
		const planned = evaluationMilliseconds(circuit, program.server, 'kernel', true);
		near(0.1, planned, estimateMilliseconds(circuit, true, 'kernel'), model.name);
	}
});

test('every instruction takes time, and what is sent or received as long as its residues', () => {
	const { server } = compile(convolutional()).program;
	const times = instructionTimes(server, true);
	const { load, save } = kernelCostsOf(server.parameters.ringDegree);
	server.instructions.forEach((step, k) => {
		const ms = times[k] as number;
		assert.ok(ms > 0, `instruction ${k}: ${step.op}`);
		if (step.op === 'input') assert.is(ms, at(load, (server.inputs[step.input]?.level as number) + 1));
		if (step.op === 'output') assert.is(ms, at(save, (server.outputs[step.output]?.level as number) + 1));
	});
});

test('constants that are not kept are encoded wherever they are used', () => {
	const { server } = compile(convolutional()).program;
	const { encode } = kernelCostsOf(server.parameters.ringDegree);
	const encoded = server.instructions.reduce((sum, step) => {
		const used = step.op === 'sumProducts' ? step.constants : step.op === 'addPlain' ? [step.constant] : [];
		return used.reduce((total, constant) => {
			const { level, extended } = server.constants[constant] as (typeof server.constants)[number];
			return total + at(encode, level + (extended ? 2 : 1));
		}, sum);
	}, 0);
	assert.ok(encoded > 0);
	const total = (keep: boolean): number => instructionTimes(server, keep).reduce((sum, ms) => sum + ms, 0);
	near(1e-9, total(false), total(true) + encoded, 'encodings');
});

test.run();
