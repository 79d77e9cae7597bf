import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compileZoo, rowsOf } from '../../bench/zoo.ts';
import { encodeMilliseconds, estimateMilliseconds } from '../../compiler/ckks/cost.ts';
import { totalMemory } from '../../compiler/codegen/budget.ts';
import { compile } from '../../compiler/index.ts';
import { models } from '../../models/index.ts';
import { createClient } from '../../runtime/client.ts';
import type { Program } from '../../runtime/plan.ts';
import type { Result } from '../../runtime/results.ts';
import { createServer } from '../../runtime/server.ts';
import { convolutional } from '../compile/models.ts';
import { maxDifference } from '../runtime/support.ts';
import { randomNumbers } from '../support/onnx.ts';

/** The wasm heap of a server after its context, its keys and two evaluations. */
const heapOf = async (
	{ client: clientProgram, server: program, constants }: Program,
	sample: ReadonlyMap<string, Float64Array>,
): Promise<{ readonly context: number; readonly keys: number; readonly all: number; readonly results: Result }> => {
	const server = await createServer(program, constants, { backend: 'seal', memoryLimit: 4e9 });
	const bytes = (): number => server.peakBytes() ?? Number.NaN;
	const context = bytes();
	const client = await createClient(clientProgram);
	await server.loadKeys(await client.evaluationKeys());
	const keys = bytes() - context;
	const request = await client.encrypt(sample);
	await server.evaluate(request);
	const results = await client.decrypt(await server.evaluate(request));
	const all = bytes();
	client.dispose();
	await server.dispose();
	return { context, keys, all, results };
};

/** Bytes in which a wasm memory grows. */
const PAGE = 65536;

const within = (share: number, predicted: number, measured: number, what: string): void =>
	assert.ok(
		Math.abs(predicted - measured) <= share * measured,
		`${what}: ${predicted} predicted, ${measured} measured`,
	);

const check = async (name: string, program: Program, sample: ReadonlyMap<string, Float64Array>): Promise<void> => {
	const heap = await heapOf(program, sample);
	const { memory } = program.server;
	within(0.1, memory.context, heap.context, `${name}, context`);
	// More is measured: the bytes of a key that is being loaded, where evaluations find room later.
	within(0.25, memory.keys, heap.keys, `${name}, keys`);
	within(0.1, totalMemory(memory), heap.all, name);
};

test('the heap that a small convolutional network takes is predicted within 10 %', async () => {
	const { program } = compile(convolutional());
	const inputs = program.client.inputs.map(
		({ name, shape }) => [name, new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(0.25)] as const,
	);
	await check('convolutional', program, new Map(inputs));
});

test('a program that is to need little memory keeps no constants, takes less of the heap and answers the same', async () => {
	const lean = compile(convolutional(), { optimize: 'memory' });
	const usual = compile(convolutional());
	assert.equal(
		[usual, lean].map(({ program }) => program.server.keepConstants),
		[true, false],
	);
	const sample = new Map(
		usual.program.client.inputs.map(
			({ name, shape }) =>
				[
					name,
					randomNumbers(
						7,
						shape.reduce((a, b) => a * b, 1),
						-1,
						1,
					),
				] as const,
		),
	);
	const heaps = [await heapOf(usual.program, sample), await heapOf(lean.program, sample)] as const;
	assert.ok(heaps[1].all < 0.8 * heaps[0].all, `${heaps[1].all} of ${heaps[0].all} bytes`);
	within(0.1, totalMemory(lean.program.server.memory), heaps[1].all, 'all of it');
	const exact = usual.clear(sample);
	for (const { results } of heaps)
		for (const [name, { data }] of exact)
			assert.ok(maxDifference(results.outputs.get(name)?.data ?? [], data) < 1e-2, name);
});

test('constants that are not kept cost their encoding in every evaluation, and no memory', () => {
	for (const backend of ['kernel', 'seal'] as const) {
		const { program, report, stages } = compile(convolutional(), { optimize: 'memory', backend });
		const { circuit } = stages.solution;
		const { ringDegree, primes } = circuit.parameters;
		const encoding = circuit.ops.reduce(
			(sum, { kind, level }) =>
				kind === 'addPlain' || kind === 'multiplyPlain'
					? sum + encodeMilliseconds(ringDegree, primes.length, level, backend)
					: sum,
			0,
		);
		const whole = estimateMilliseconds(circuit, true, backend) + encoding;
		// On the kernel some constants have a row of the special prime as well.
		const share = backend === 'seal' ? 0.01 : 0.1;
		assert.ok(Math.abs(report.predicted.evaluateMs - whole) <= share * whole, `${backend}: ${whole}`);
		assert.is(report.predicted.firstEvaluateMs, report.predicted.evaluateMs);
		assert.is(program.server.memory.constants, 0);
		assert.is(report.memory.constants, 0);
		assert.is(report.keepConstants, false);
	}
});

test('the memory that the kernel takes is predicted to the page, constants kept or not', async () => {
	for (const optimize of ['latency', 'memory'] as const) {
		const { program, report } = compile(convolutional(), { optimize });
		const client = await createClient(program.client);
		const server = await createServer(program.server, program.constants, { backend: 'kernel' });
		await server.loadKeys(await client.evaluationKeys());
		const inputs = program.client.inputs.map(
			({ name, shape }) => [name, new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(0.25)] as const,
		);
		await server.evaluate(await client.encrypt(new Map(inputs)));
		const taken = server.peakBytes() ?? Number.NaN;
		client.dispose();
		await server.dispose();
		assert.is(Math.ceil(report.memory.total / PAGE) * PAGE, taken);
		assert.is(report.keepConstants, optimize === 'latency');
	}
});

for (const name of ['breast-cancer', 'breast-cancer-logistic', 'mnist-cryptonets'])
	test(`the heap that ${name} takes is predicted within 10 %`, async () => {
		const model = models.find((candidate) => candidate.name === name);
		if (model === undefined) throw new Error(`there is no model ${name}`);
		const { program, input } = compileZoo(model);
		await check(name, program, new Map([[input, rowsOf(model.samples)[0] as Float64Array]]));
	});

test.run();
