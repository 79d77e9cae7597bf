import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createKernelEngine } from '../../runtime/backends/kernel/engine.ts';
import { unpackSeeded } from '../../runtime/codec.ts';
import type { Engine } from '../../runtime/engine.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { KERNEL_SIZES, kernelNeeds } from '../../runtime/kernel/memory.ts';
import { nameOfKey, unpackKey } from '../../runtime/keyCodec.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import type { MemoryNeeds, Program, ServerProgram } from '../../runtime/plan.ts';
import { type KeySlot, keySlots, SEED_BYTES, seededLength } from '../../runtime/sizes.ts';
import { maxDifference, refusalOfAsync, sampleOf } from '../runtime/support.ts';
import {
	engineOf,
	evaluated,
	NO_LIMIT,
	PARAMETERS,
	KERNEL_SCALE as S,
	type Sender,
	Sketchbook,
	STEPS,
	senderOf,
} from './programs.ts';

/** The refusal that f throws. */
const refusedBy = (f: () => unknown): RefusedError => {
	try {
		f();
	} catch (error) {
		if (error instanceof RefusedError) return error;
		throw error;
	}
	throw new Error('nothing was refused');
};

/** What a few key switches and the rescale of a product of size 3 come to at a scale of 2^36, with room: a wrong result is off by about 1. */
const NOISE = 2e-4;

/** Every instruction at one level, with every form of operand that it has. */
const everyForm = (plan: Sketchbook, level: number): void => {
	const x = plan.input(level);
	const z = plan.input(level);
	const digits = plan.add({ op: 'decompose', a: x });
	const [near, far, back] = STEPS.map((steps) => plan.add({ op: 'rotate', a: x, digits, steps })) as [
		number,
		number,
		number,
	];
	// Sums of extended and other ciphertexts, in both orders.
	const both = plan.add({ op: 'add', a: near, b: far });
	const mixed = plan.add({ op: 'add', a: z, b: both });
	const minus = plan.add({ op: 'subtract', a: x, b: back });
	const other = plan.add({ op: 'subtract', a: minus, b: z });
	const negative = plan.add({ op: 'negate', a: other });
	// A rotation of an extended value.
	const wide = plan.add({ op: 'decompose', a: mixed });
	const turned = plan.add({ op: 'rotate', a: mixed, digits: wide, steps: 5 });
	for (const value of [mixed, negative, turned]) plan.output(plan.add({ op: 'modDown', a: value }));
	// Sums of products, extended and not, of one term and of more than are encoded at once.
	const terms = [near, far, back, mixed, minus, other, negative, turned, near, far];
	const inner = plan.add({ op: 'sumProducts', terms, constants: terms.map(() => plan.constant(level, S, true)) });
	const plain = [x, z, x].map((term) => ({ term, constant: plan.constant(level, S) }));
	const outer = plan.add({
		op: 'sumProducts',
		terms: plain.map(({ term }) => term),
		constants: plain.map(({ constant }) => constant),
	});
	const one = plan.add({ op: 'sumProducts', terms: [z], constants: [plan.constant(level, S)] });
	const joined = plan.add({ op: 'add', a: inner, b: outer });
	const biased = plan.add({ op: 'addPlain', a: joined, constant: plan.constant(level, S * S) });
	plan.output(plan.add({ op: 'rescale', a: biased }));
	plan.output(plan.add({ op: 'addPlain', a: z, constant: plan.constant(level, S) }));
	// Products of size 3, beside others of size 2.
	const square = plan.add({ op: 'multiply', a: x, b: x });
	const product = plan.add({ op: 'multiply', a: plan.add({ op: 'modDown', a: near }), b: z });
	const sum = plan.add({ op: 'add', a: square, b: product });
	const three = plan.add({ op: 'subtract', a: plan.add({ op: 'add', a: one, b: sum }), b: outer });
	const flipped = plan.add({
		op: 'subtract',
		a: outer,
		b: plan.add({ op: 'addPlain', a: three, constant: plan.constant(level, S * S) }),
	});
	const relinear = plan.add({ op: 'relinearize', a: flipped });
	plan.output(plan.add({ op: 'rescale', a: relinear }));
	plan.output(plan.add({ op: 'modDown', a: relinear }));
	const small = plan.add({ op: 'rescale', a: plan.add({ op: 'negate', a: three }) });
	plan.output(plan.add({ op: 'modDown', a: plan.add({ op: 'relinearize', a: small }) }));
	// Lower levels of all of them.
	const lower = { op: 'modSwitch', level: level - 1 } as const;
	plan.output(plan.add({ ...lower, a: z }));
	plan.output(plan.add({ op: 'modDown', a: plan.add({ ...lower, a: both }) }));
	if (level > 2) {
		const larger = plan.add({ op: 'sumProducts', terms: [three], constants: [plan.constant(level, 2 ** 30)] });
		plan.output(plan.add({ op: 'modDown', a: plan.add({ op: 'relinearize', a: plan.add({ ...lower, a: larger }) }) }));
	}
	// Sums by numbers, several at once.
	const numbers = [
		[0.5, -0.25, 1.5],
		[1e-9, 2, -1],
	];
	for (const result of plan.combine([x, z, x], numbers, level, S)) plan.output(plan.add({ op: 'rescale', a: result }));
};

const samplesOf = ({ client }: Program, count: number): ReadonlyMap<string, Float64Array>[] =>
	Array.from(
		{ length: count },
		(_, k) =>
			new Map(client.inputs.map(({ name, shape }, i) => [name, sampleOf(shape[0] as number, 1 + i + 10 * k)] as const)),
	);

type Parts = readonly (readonly Uint8Array[])[];

/** A program's client, inputs that it encrypted, and the engine that has its keys. */
type Session = { readonly program: Program; readonly sender: Sender; readonly inputs: Parts; readonly engine: Engine };

const sessionOf = async (program: Program, count = 1): Promise<Session> => {
	const sender = await senderOf(program);
	const engine = await engineOf(program.server, program.constants, sender);
	return { program, sender, inputs: await sender.encrypt(samplesOf(program, count)), engine };
};

/** The outputs decrypt to what the clear backend computes, up to noise; and there is noise. */
const check = async ({ program, sender }: Session, outputs: Parts, count = 1): Promise<void> => {
	const expected = await evaluateLocally(program, 'clear', samplesOf(program, count));
	const results = await sender.decrypt(outputs, count);
	assert.is(results.length, count);
	results.forEach((result, k) => {
		for (const [name, { raw }] of expected[k]?.outputs ?? []) {
			const error = maxDifference(result.outputs.get(name)?.raw.data ?? [], raw.data);
			assert.ok(error > 0 && error < NOISE, `${name} of sample ${k}: error ${error}`);
		}
	});
};

const forms = new Sketchbook();
for (const level of [3, 2, 1]) everyForm(forms, level);
const session = await sessionOf(forms.program());
const { program, inputs, engine } = session;
const outputs = await evaluated(engine, inputs);

/** The same bytes; a list of all that differ would be too long to read. */
const same = (actual: Parts, expected: Parts): void => {
	assert.equal(
		actual.map((parts) => parts.length),
		expected.map((parts) => parts.length),
	);
	actual.flat().forEach((part, i) => {
		assert.ok(Buffer.compare(part, expected.flat()[i] as Uint8Array) === 0, `output ${i} differs`);
	});
};

/** The same parts with one of them changed. */
const changed = (parts: readonly Uint8Array[], at: number, change: (bytes: Uint8Array) => Uint8Array): Uint8Array[] =>
	parts.map((part, i) => (i === at ? change(part.slice()) : part));

const filled = (start: number, end: number, value: number) => (bytes: Uint8Array) => bytes.fill(value, start, end);

test('every form of every instruction at every level agrees with the clear backend', async () => {
	assert.is(new Set(program.server.instructions.map(({ op }) => op)).size, 15);
	await check(session, outputs);
});

test('an evaluation says the same bits again', async () => {
	same(await evaluated(engine, inputs), outputs);
});

test('constants that are encoded at each use, for few terms at once, give the same bits', async () => {
	const frugal = await engineOf({ ...program.server, keepConstants: false }, program.constants, session.sender);
	assert.is(engine.cachesConstants, true);
	assert.is(frugal.cachesConstants, false);
	same(await evaluated(frugal, inputs), outputs);
	assert.ok((frugal.peakBytes() ?? 0) < (engine.peakBytes() ?? 0));
});

test('constants are kept where they fit, and what does not fit without them is refused with the numbers', async () => {
	const total = (needs: MemoryNeeds): number => Object.values(needs).reduce((sum, bytes) => sum + bytes, 0);
	const most = total(kernelNeeds(program.server, true, KERNEL_SIZES));
	const least = total(kernelNeeds(program.server, false, KERNEL_SIZES));
	assert.ok(least < most);
	const within = (memoryLimit: number) =>
		createKernelEngine(program.server, program.constants, { ...NO_LIMIT, memoryLimit });
	assert.is((await within(most)).cachesConstants, true);
	assert.is((await within(most - 1)).cachesConstants, false);
	assert.is((await within(least)).cachesConstants, false);
	const refused = await refusalOfAsync(within(least - 1));
	assert.is(refused.code, 'memory');
	assert.match(refused.message, /needs \d+ MB/);
});

test('the memory taken is the memory predicted', async () => {
	const needs = kernelNeeds(program.server, true, KERNEL_SIZES);
	const predicted = Object.values(needs).reduce((sum, bytes) => sum + bytes, 0);
	assert.is(engine.peakBytes(), 65536 * Math.ceil(predicted / 65536));
});

test('several samples in a ciphertext keep their own results', async () => {
	const plan = new Sketchbook(4);
	const x = plan.input(2);
	const product = plan.add({ op: 'sumProducts', terms: [x], constants: [plan.constant(2, S)] });
	plan.output(plan.add({ op: 'rescale', a: product }));
	const batched = await sessionOf(plan.program(), 3);
	await check(batched, await evaluated(batched.engine, batched.inputs), 3);
});

test('constants of one virtual slot are numbers, in sums of products, additions and combinations', async () => {
	const plan = new Sketchbook(PARAMETERS.ringDegree / 2);
	const terms = Array.from({ length: 12 }, () => plan.input(2));
	const constants = terms.map(() => plan.constant(2, S));
	const sum = plan.add({ op: 'sumProducts', terms, constants });
	plan.output(plan.add({ op: 'rescale', a: plan.add({ op: 'addPlain', a: sum, constant: plan.constant(2, S * S) }) }));
	const numbers = [0, 1, 2].map((i) => terms.map((_, k) => Math.cos(7 * i + k)));
	for (const result of plan.combine(terms, numbers, 2, 2 ** 24)) plan.output(result);
	const numeric = await sessionOf(plan.program(), 2);
	assert.is(numeric.engine.cachesConstants, true);
	await check(numeric, await evaluated(numeric.engine, numeric.inputs), 2);
});

test("malformed inputs are refused in the same words as by node-seal's side, and the next ones are evaluated", async () => {
	const { ringDegree, primes } = PARAMETERS;
	const level = { ringDegree, primes: primes.slice(0, 4), parmsId: new Uint8Array(32) };
	const rows = (inputs[0]?.[0]?.length ?? 0) - SEED_BYTES;
	const broken = [
		filled(0, 6, 255),
		filled(rows - 5, rows, 255),
		filled(0, rows, 0),
		(bytes: Uint8Array) => bytes.subarray(1),
		() => new Uint8Array(),
	];
	for (const change of broken) {
		const bad = inputs.map((parts, i) => (i === 0 ? changed(parts, 0, change) : parts));
		const refused = await refusalOfAsync(evaluated(engine, bad));
		const expected = refusedBy(() => unpackSeeded(bad[0]?.[0] as Uint8Array, level, S, "part 0 of input 'x0'"));
		assert.equal([refused.code, refused.message], [expected.code, expected.message]);
	}
	same(await evaluated(engine, inputs), outputs);
});

test('a transparent result is refused', async () => {
	const plan = new Sketchbook();
	const x = plan.input(1);
	plan.output(plan.add({ op: 'add', a: x, b: plan.add({ op: 'negate', a: x }) }));
	const transparent = await sessionOf(plan.program());
	const refused = await refusalOfAsync(evaluated(transparent.engine, transparent.inputs));
	assert.is(refused.code, 'message');
	assert.match(refused.message, /transparent/);
});

test("malformed keys are refused in the same words as by node-seal's side and leave the other key sets alone", async () => {
	const { keys } = session.sender;
	const parameters = PARAMETERS;
	const all = [...parameters.primes, parameters.specialPrime];
	const whole = { ringDegree: parameters.ringDegree, primes: all, parmsId: new Uint8Array(32) };
	const slots = keySlots(program.server.keys);
	const last = keys.length - 1;
	const digit = seededLength({ ringDegree: parameters.ringDegree, primes: all });
	const broken: readonly (readonly [part: number, change: (bytes: Uint8Array) => Uint8Array])[] = [
		[0, filled(0, 1, 7)],
		[1, filled(0, 4, 0)],
		[last, filled(4, 5, 1)],
		[last, filled(8, 14, 255)],
		[0, filled(8 + digit, 8 + 2 * digit - SEED_BYTES, 0)],
		[last, filled(8 + 4 * digit - SEED_BYTES - 6, 8 + 4 * digit - SEED_BYTES, 255)],
		[1, (bytes) => bytes.subarray(0, -1)],
	];
	for (const [part, change] of broken) {
		const parts = changed(keys, part, change);
		const refused = await refusalOfAsync(engine.loadKeys('other', parts, {}));
		const slot = slots[part] as KeySlot;
		const expected = refusedBy(() => unpackKey(parts[part] as Uint8Array, parameters, whole, slot, nameOfKey(slot)));
		assert.equal([refused.code, refused.message], [expected.code, expected.message]);
	}
	same(await evaluated(engine, inputs), outputs);
});

test('key sets do not mix, and the place of one that was dropped is used again', async () => {
	const own = await engineOf(program.server, program.constants, session.sender);
	const other = await senderOf(program);
	await own.loadKeys('other', other.keys, {});
	const peak = own.peakBytes();
	const samples = samplesOf(program, 1);
	const theirs = await other.encrypt(samples);
	await check({ ...session, sender: other }, await own.evaluate('other', theirs, {}));
	same(await evaluated(own, inputs), outputs);
	own.dropKeys('it');
	assert.is((await refusalOfAsync(evaluated(own, inputs))).code, 'keys');
	await own.loadKeys('again', session.sender.keys, {});
	same(await own.evaluate('again', inputs, {}), outputs);
	assert.is(own.peakBytes(), peak);
});

test('one key set more than the memory holds is refused', async () => {
	const needs = kernelNeeds(program.server, true, KERNEL_SIZES);
	const memoryLimit = Object.values(needs).reduce((sum, bytes) => sum + bytes, 0) + needs.keys - 1;
	const small = await createKernelEngine(program.server, program.constants, { ...NO_LIMIT, memoryLimit });
	await small.loadKeys('it', session.sender.keys, {});
	assert.is((await refusalOfAsync(small.loadKeys('other', session.sender.keys, {}))).code, 'memory');
	same(await evaluated(small, inputs), outputs);
});

test('every instruction is told of once, in order, and progress ends at the end', async () => {
	const told: number[] = [];
	const progress: number[] = [];
	await evaluated(engine, inputs, {
		onInstruction: (index, milliseconds) => {
			assert.ok(milliseconds >= 0);
			told.push(index);
		},
		onProgress: ({ done }) => void progress.push(done),
	});
	assert.equal(told, [...program.server.instructions.keys()]);
	assert.is(progress.at(-1), program.server.instructions.length);
});

test('an abort stops between two instructions, and the next evaluation is right', async () => {
	const controller = new AbortController();
	let last = -1;
	const options = {
		signal: controller.signal,
		onInstruction: (index: number) => {
			last = index;
			if (index === 5) controller.abort();
		},
	};
	assert.is((await refusalOfAsync(evaluated(engine, inputs, options))).code, 'aborted');
	assert.is(last, 5);
	same(await evaluated(engine, inputs), outputs);
});

test('an aborted load of keys leaves nothing behind', async () => {
	const controller = new AbortController();
	const { signal } = controller;
	controller.abort();
	const refused = await refusalOfAsync(engine.loadKeys('aborted', session.sender.keys, { signal }));
	assert.is(refused.code, 'aborted');
	assert.is((await refusalOfAsync(engine.evaluate('aborted', inputs, {}))).code, 'keys');
});

test('constants that the plan does not have, or that cannot be encoded, are refused when the program is loaded', async () => {
	const { server, constants } = program;
	const load = (changedServer: ServerProgram, values: Float64Array) =>
		refusalOfAsync(createKernelEngine(changedServer, values, NO_LIMIT));
	assert.match((await load(server, constants.subarray(0, -1))).message, /lies outside/);
	assert.match((await load(server, constants.slice().fill(Number.NaN, 0, 1))).message, /not finite/);
	assert.match((await load(server, constants.slice().fill(0))).message, /zeros/);
	assert.match((await load(server, constants.slice().fill(2 ** 100))).message, /exceed the modulus/);
	const combined = server.instructions.map((step) =>
		step.op === 'combine' ? { ...step, offset: constants.length } : step,
	);
	assert.match((await load({ ...server, instructions: combined }, constants)).message, /lie outside/);
});

test.run();
