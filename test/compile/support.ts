import * as assert from 'uvu/assert';
import { evaluateAll as evaluateCkks } from '../../compiler/ckks/evaluate.ts';
import { deviations as deviationsFor, visitNoise } from '../../compiler/ckks/noise.ts';
import { type Compiled, type CompileOptions, compile } from '../../compiler/index.ts';
import { type Layout, packInto } from '../../compiler/packing/layout.ts';
import { evaluateAll as evaluateSlots, type PackedInputs } from '../../compiler/slots/evaluate.ts';
import { evaluate } from '../../compiler/tensor/evaluate.ts';
import { applyHead } from '../../compiler/tensor/passes/split.ts';
import { expanded, type SimpleInstruction } from '../../runtime/expand.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import type { Program } from '../../runtime/plan.ts';
import { Rules, type Shape } from '../../runtime/rules.ts';
import { applyTail } from '../../runtime/tail.ts';
import { scalesAgree } from '../../runtime/values.ts';
import { differenceOf, reference } from '../support/onnx.ts';

/** One sample: values of every input by name. */
export type Sample = ReadonlyMap<string, Float64Array>;
type Values = ReadonlyMap<string, Float64Array>;

/** Relative to the largest value: float64 sums in another order. Chebyshev bases and their monic forms cancel some digits. */
const EXACT = 1e-8;
/** onnxruntime computes in float32. */
const FLOAT32 = 2e-4;

const largest = (x: Float64Array): number => x.reduce((a, b) => Math.max(a, Math.abs(b)), 0);

const compareAll = (stage: string, actual: Values, expected: Values): void => {
	assert.equal([...actual.keys()].sort(), [...expected.keys()].sort(), stage);
	for (const [name, values] of expected) {
		const other = actual.get(name) as Float64Array;
		assert.is(other.length, values.length, `${stage}: elements of ${name}`);
		const allowed = EXACT * Math.max(1, largest(values));
		const at = values.findIndex((value, i) => !(Math.abs(value - (other[i] as number)) <= allowed));
		assert.is(at, -1, `${stage}: ${name}[${at}] is ${other[at]} instead of ${values[at]}`);
	}
};

/** The elements in the slots of a layout; every copy must hold the same. */
const readSlots = (layout: Layout, parts: readonly Float64Array[], size: number, stage: string): Float64Array => {
	const read = new Float64Array(size).fill(Number.NaN);
	layout.parts.forEach((part, p) => {
		part.forEach((element, t) => {
			if (element >= 0) read[element] = (parts[p] as Float64Array)[t] as number;
		});
	});
	assert.is(read.findIndex(Number.isNaN), -1, `${stage}: an element is in no slot`);
	return read;
};

/** Values of the body's inputs: what the client makes of a sample before it encrypts. */
const afterHeads = ({ stages }: Compiled, sample: Sample): Values =>
	new Map([...sample].map(([name, x]) => [name, applyHead(stages.split.heads.get(name), x)]));

/** A sample that becomes these values of the body's inputs; what a head takes no notice of is 0. */
export const beforeHeads = ({ stages }: Compiled, values: Values): Sample =>
	new Map(
		[...values].map(([name, x]) => {
			const { scale, shift } = stages.split.heads.get(name) ?? { scale: [], shift: [] };
			return [name, x.map((v, i) => (scale[i] === 0 ? 0 : (v - (shift[i] ?? 0)) / (scale[i] ?? 1)))];
		}),
	);

/** Values of the body's inputs, and of the slots they are packed in. */
const prepared = (compiled: Compiled, sample: Sample): { readonly body: Values; readonly packed: PackedInputs } => {
	const { stages } = compiled;
	const body = afterHeads(compiled, sample);
	const packed = new Map(
		[...stages.lowered.inputs].map(([name, layout]) => [name, packInto(layout, body.get(name) as Float64Array)]),
	);
	return { body, packed };
};

/** The values of a sample that the client sends: an input may turn out not to matter. */
export const needed = ({ client }: Program, sample: Sample): Sample =>
	new Map([...sample].filter(([name]) => client.inputs.some((input) => input.name === name)));

/** The same sample at every stage of the compiler gives the same answer. Returns the outputs before their tails. */
const checkStages = (compiled: Compiled, sample: Sample): Values => {
	const { split, approximated, core, lowered, solution } = compiled.stages;
	const { body, packed } = prepared(compiled, sample);
	const expected = evaluate(approximated.graph, body);
	if (approximated.report.activations.length === 0) compareAll('body', evaluate(split.body, body), expected);
	compareAll('core', evaluate(core, body), expected);

	const slots = evaluateSlots(lowered.circuit, packed);
	const bySlots = new Map(
		lowered.circuit.outputs.map(({ name, parts }) => {
			const layout = lowered.outputs.get(name) as Layout;
			const size = (expected.get(name) as Float64Array).length;
			return [
				name,
				readSlots(
					layout,
					parts.map((id) => slots[id] as Float64Array),
					size,
					'slots',
				),
			];
		}),
	);
	compareAll('slots', bySlots, expected);

	const { ops } = solution.circuit;
	// What is added to a sum of the same slot value is a part of it: a combination of terms that have several scales.
	const parts = new Set(ops.flatMap((op) => (op.kind === 'add' && ops[op.a]?.slot === op.slot ? [op.a, op.b] : [])));
	evaluateCkks(solution.circuit, packed).forEach((values, id) => {
		if (parts.has(id)) return;
		const slot = slots[ops[id]?.slot ?? -1] as Float64Array;
		const allowed = 1e-12 * Math.max(1, largest(slot));
		const same = values.every((value, t) => Math.abs(value - (slot[t] as number)) <= allowed);
		assert.ok(same, `ckks: %${id} does not hold the slot value that it says it carries`);
	});
	const outputsOf = (outputs: readonly { readonly name: string; readonly parts: readonly number[] }[]): unknown =>
		outputs.map(({ name, parts }) => [name, parts.length]);
	assert.equal(outputsOf(solution.circuit.outputs), outputsOf(lowered.circuit.outputs));
	return expected;
};

/** Slots of an output that hold no element for its reader must not tell anything of the weights. */
const checkLeftovers = (compiled: Compiled, sample: Sample): void => {
	const { core, packing, lowered } = compiled.stages;
	const slots = evaluateSlots(lowered.circuit, prepared(compiled, sample).packed);
	core.outputs.forEach(({ name, id }, k) => {
		const layout = packing.choices[id]?.layout as Layout;
		const data = evaluate(core, prepared(compiled, sample).body).get(name) as Float64Array;
		const allowed = EXACT * Math.max(1, largest(data));
		lowered.circuit.outputs[k]?.parts.forEach((value, part) => {
			slots[value]?.forEach((x, t) => {
				const element = layout.parts[part]?.[t] as number;
				const isElement = element >= 0 && Math.abs(x - (data[element] as number)) <= allowed;
				assert.ok(x === 0 || isElement, `${name}: slot ${t} of part ${part} holds the leftover ${x}`);
			});
		});
	});
};

/** Follows levels, scales and sizes through the instructions: every operation legal, every port as both sides expect it. */
const checkPlan = ({ client, server: plan, constants }: Program): void => {
	const server = expanded(plan);
	const rules = new Rules(server.parameters, server.keys);
	const virtual = server.parameters.ringDegree / 2 / server.batch;
	const registers: (Shape | undefined)[] = new Array(server.registers).fill(undefined);
	const at = (register: number): Shape => {
		const shape = registers[register];
		assert.ok(shape, `register ${register} is read before it is written`);
		return shape as Shape;
	};
	const plain = (index: number) => {
		const spec = server.constants[index];
		assert.ok(spec && spec.offset + virtual <= constants.length, `constant ${index} lies outside the constants`);
		const { offset, level, scale } = spec as (typeof server.constants)[number];
		const values = new Float64Array(rules.slots);
		values.forEach((_, t) => {
			values[t] = constants[offset + Math.floor(t / server.batch)] as number;
		});
		return rules.encode(values, level, scale);
	};
	const written = new Set<string>();
	const step = (instruction: Exclude<SimpleInstruction, { op: 'output' }>): Shape => {
		switch (instruction.op) {
			case 'input': {
				const port = client.inputs[instruction.input];
				assert.ok(port !== undefined && instruction.part < port.parts.length, 'an input that is no part of the client');
				return { level: port?.level ?? -1, scale: port?.scale ?? -1, size: 2 };
			}
			case 'add':
			case 'subtract':
				return rules.sum(at(instruction.a), at(instruction.b));
			case 'multiply':
				return rules.multiply(at(instruction.a), at(instruction.b));
			case 'negate':
				return at(instruction.a);
			case 'combine': {
				const { terms, offset, level, scale } = instruction;
				assert.ok(terms.length > 0 && offset + terms.length <= constants.length, 'weights lie outside the constants');
				return terms
					.map((term, k) =>
						rules.multiplyPlain(at(term), rules.encodeNumber(constants[offset + k] as number, level, scale)),
					)
					.reduce((a, b) => rules.sum(a, b));
			}
			case 'relinearize':
				return rules.relinearize(at(instruction.a));
			case 'rescale':
				return rules.rescale(at(instruction.a));
			case 'modSwitch':
				return rules.modSwitch(at(instruction.a), instruction.level);
			case 'rotate':
				rules.rotate(at(instruction.a), instruction.steps);
				return at(instruction.a);
			case 'addPlain':
				return rules.addPlain(at(instruction.a), plain(instruction.constant));
			case 'multiplyPlain':
				return rules.multiplyPlain(at(instruction.a), plain(instruction.constant));
		}
	};
	for (const instruction of server.instructions) {
		if (instruction.op !== 'output') {
			registers[instruction.to] = step(instruction);
			continue;
		}
		const shape = at(instruction.a);
		for (const port of [client.outputs[instruction.output], server.outputs[instruction.output]]) {
			assert.is(shape.level, port?.level, `level of output ${port?.name}`);
			assert.ok(scalesAgree(shape.scale, port?.scale ?? 0), `scale of output ${port?.name}`);
		}
		assert.is(shape.size, 2);
		written.add(`${instruction.output} ${instruction.part}`);
	}
	const parts = client.outputs.flatMap((output, k) => output.parts.map((_, part) => `${k} ${part}`));
	assert.equal([...written].sort(), parts.sort(), 'parts of outputs that are written');
	const steps = new Set(server.instructions.flatMap((step) => (step.op === 'rotate' ? [step.steps] : [])));
	assert.equal(
		server.keys.steps.map(({ step }) => step),
		[...steps].sort((a, b) => a - b),
		'exactly the keys that are used',
	);
};

export type Checks = {
	readonly options?: CompileOptions;
	/** Compare the model with onnxruntime. Default true. */
	readonly reference?: boolean;
	/** Run with simulated noise as well and compare with the prediction. Default true. */
	readonly simulate?: boolean;
	/** The samples are those of the calibration: errors must not exceed what the program predicts either. Default false. */
	readonly predicted?: boolean;
};

/**
 * Compiles a model and feeds the same samples to every stage:
 * onnxruntime ~ tensor graph; approximated = core = slot circuit = CKKS circuit = plan(clear) ~ plan(simulate).
 */
export const checkModel = async (
	bytes: Uint8Array,
	samples: readonly Sample[],
	{ options = {}, reference: withReference = true, simulate = true, predicted = false }: Checks = {},
): Promise<Compiled> => {
	const compiled = compile(bytes, options);
	const { program, stages } = compiled;
	checkPlan(program);
	const expected = samples.map((sample) => checkStages(compiled, sample));
	const [first] = samples;
	if (first !== undefined) checkLeftovers(compiled, first);
	for (const sample of withReference ? samples.slice(0, 2) : []) await checkReference(bytes, compiled, sample);
	for (const backend of simulate ? (['clear', 'simulate'] as const) : (['clear'] as const)) {
		const results = await evaluateLocally(
			program,
			backend,
			samples.map((sample) => needed(program, sample)),
		);
		results.forEach(({ outputs, warnings }, k) => {
			assert.equal(warnings, [], `${backend}: warnings`);
			const raw = new Map([...outputs].map(([name, output]) => [name, output.raw.data]));
			if (backend === 'clear') compareAll('plan', raw, expected[k] as Values);
			else checkNoise(compiled, samples[k] as Sample, raw, expected[k] as Values);
			if (backend === 'simulate' && predicted) checkPredicted(program, raw, expected[k] as Values);
			for (const output of stages.core.outputs) {
				const result = outputs.get(output.name);
				const tail = stages.split.tails.get(output.name) ?? [];
				const known = { shape: output.shape, data: expected[k]?.get(output.name) as Float64Array };
				if (backend === 'clear' && result !== undefined)
					assert.is(differenceOf(result, applyTail(known, tail), 1e-7), undefined, 'tail');
			}
		});
	}
	return compiled;
};

const checkReference = async (bytes: Uint8Array, compiled: Compiled, sample: Sample): Promise<void> => {
	const shapes = new Map(compiled.stages.imported.inputs.map(({ name, shape }) => [name, shape]));
	const feeds = new Map([...sample].map(([name, data]) => [name, { shape: shapes.get(name) ?? [], data }]));
	const clear = compiled.clear(sample);
	for (const [name, tensor] of await reference(bytes, feeds)) {
		const own = clear.get(name);
		assert.ok(own, `output ${name}`);
		if (own !== undefined) assert.is(differenceOf(own, tensor, FLOAT32), undefined, `onnxruntime: ${name}`);
	}
};

/**
 * Analyses take errors as independent. Those of one value that meet again, as in x + f(x), may have a deviation larger by this,
 * when both are equally large.
 */
const REUNITED = Math.SQRT2;

/** There is noise, and no output's exceeds `factor` times what the program says. */
export const checkPredicted = ({ client }: Program, raw: Values, expected: Values, factor = REUNITED): void => {
	for (const { name, predictedError } of client.outputs) {
		const values = expected.get(name) as Float64Array;
		const error = largest(values.map((value, i) => value - (raw.get(name)?.[i] ?? Number.NaN)));
		assert.ok(error > 0, `${name}: no noise`);
		assert.ok(error <= factor * predictedError, `${name}: error ${error}, the program predicts ${predictedError}`);
	}
};

/**
 * Simulated noise stays below the bound that the noise analysis gives for this very sample. The bound is six deviations of
 * the worst element, and tails are those of a Laplace distribution: of thousands of elements a few may pass it.
 */
export const checkNoise = (compiled: Compiled, sample: Sample, raw: Values, expected: Values): void => {
	const { lowered, solution } = compiled.stages;
	const variances = new Map<number, Float64Array>();
	visitNoise(solution.circuit, prepared(compiled, sample).packed, (id, _, variance) => {
		variances.set(id, variance.slice());
	});
	for (const { name, parts } of solution.circuit.outputs) {
		const values = expected.get(name) as Float64Array;
		const layout = lowered.outputs.get(name) as Layout;
		const deviations = layout.parts.flatMap((elements, part) => {
			const variance = variances.get(parts[part] as number) as Float64Array;
			return Array.from(variance, (v, t) => ((elements[t] as number) < 0 ? 0 : Math.sqrt(v)));
		});
		const bound = REUNITED * deviationsFor(values.length) * Math.max(...deviations);
		const error = largest(values.map((value, i) => value - (raw.get(name)?.[i] ?? Number.NaN)));
		assert.ok(error > 0 && error <= bound, `${name}: error ${error}, predicted at most ${bound}`);
	}
};
