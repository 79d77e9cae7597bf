import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KernelConstants } from '../../runtime/backends/kernel/constants.ts';
import { createKernelEngine } from '../../runtime/backends/kernel/engine.ts';
import { layoutOf } from '../../runtime/backends/kernel/layout.ts';
import { linkProgram, type Step } from '../../runtime/backends/kernel/link.ts';
import { copiedBytes, footprintOf, KERNEL_SIZES, kernelBudget, kernelNeeds } from '../../runtime/kernel/memory.ts';
import { residencyOf, stagedKeys } from '../../runtime/kernel/residency.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import type { MemoryNeeds, Program } from '../../runtime/plan.ts';
import { maxDifference, refusalOfAsync, sampleOf } from '../runtime/support.ts';
import { NO_LIMIT, KERNEL_SCALE as S, Sketchbook, senderOf } from './programs.ts';

type Parts = readonly (readonly Uint8Array[])[];

/** Bytes of a key of all four data primes at N = 8192. */
const KEY = 2 * 4 * 5 * 8 * 8192;
const KEYS = 4;

/** Rotations by these steps, a relinearisation, a rotation by 4095: by default with the keys 1 2 1 2 1 1 1 1 0 3. */
const manyTurns = (constants = 1, turns: readonly number[] = [1, 5, 1, 5, 1, 1, 1, 1]): Program => {
	const plan = new Sketchbook();
	const x = plan.input(3);
	const rotated = (a: number, steps: number): number =>
		plan.add({ op: 'modDown', a: plan.add({ op: 'rotate', a, digits: plan.add({ op: 'decompose', a }), steps }) });
	let sum = x;
	for (const steps of turns) sum = plan.add({ op: 'subtract', a: rotated(sum, steps), b: x });
	const product = plan.add({ op: 'multiply', a: sum, b: x });
	const short = plan.add({ op: 'rescale', a: plan.add({ op: 'relinearize', a: product }) });
	const turned = rotated(short, 4095);
	const terms = Array.from({ length: constants }, () => turned);
	const weighed = plan.add({ op: 'sumProducts', terms, constants: terms.map(() => plan.constant(2, S)) });
	plan.output(plan.add({ op: 'rescale', a: weighed }));
	return plan.program();
};

const total = (needs: MemoryNeeds): number => Object.values(needs).reduce((sum, bytes) => sum + bytes, 0);
/** Bytes of the wasm memory up to the keys. */
const beforeKeys = ({ server }: Program, keep = true): number =>
	Object.values(footprintOf(server, keep, KERNEL_SIZES).blocks).reduce((sum, bytes) => sum + bytes, 0);

const program = manyTurns();
const BEFORE = beforeKeys(program);
const sender = await senderOf(program);
const inputNames = program.client.inputs.map(({ name, shape }) => [name, sampleOf(shape[0] as number, 3)] as const);
const samples = [new Map(inputNames)];
const inputs = await sender.encrypt(samples);

const engineWith = (memoryCap: number | undefined, threads = 1, memoryLimit = NO_LIMIT.memoryLimit) =>
	createKernelEngine(program.server, program.constants, { ...NO_LIMIT, memoryCap, threads, memoryLimit });

const same = (actual: Parts, expected: Parts): void => {
	assert.is(actual.length, expected.length);
	actual.flat().forEach((part, i) => void assert.is(Buffer.compare(part, expected.flat()[i] as Uint8Array), 0));
};

const resident = await engineWith(undefined);
await resident.loadKeys('it', sender.keys, {});
const outputs = await resident.evaluate('it', inputs, {});

test('with all keys inside the result is that of the clear backend', async () => {
	const [expected] = await evaluateLocally(program, 'clear', samples);
	const [result] = await sender.decrypt(outputs, 1);
	const values = result?.outputs.get('y0')?.raw.data ?? [];
	const error = maxDifference(values, expected?.outputs.get('y0')?.raw.data ?? []);
	assert.ok(error > 0 && error < 2e-3, `error ${error}`);
	assert.is(resident.peakBytes(), 65536 * Math.ceil((BEFORE + KEYS * KEY) / 65536));
});

for (const threads of [1, 2])
	for (const [inside, name] of [
		[0, 'all keys'],
		[1, 'all keys but one'],
		[2, 'two keys'],
	] as const)
		test(`${name} outside, ${threads} threads: the same bits, again and again, in the memory predicted`, async () => {
			const cap = beforeKeysOn(threads) + (inside + 1) * KEY;
			const engine = await engineWith(cap, threads);
			await engine.loadKeys('it', sender.keys, {});
			for (let k = 0; k < 2; k++) same(await engine.evaluate('it', inputs, {}), outputs);
			const predicted = total(kernelNeeds(program.server, true, KERNEL_SIZES, { threads, cap }));
			assert.is(predicted, cap + (KEYS - inside) * KEY + inputBytesOn(threads));
			const peak = engine.peakBytes() ?? 0;
			assert.ok(peak >= predicted && peak < predicted + 65536, `${peak} of ${predicted} bytes`);
			await engine.dispose();
		});

const beforeKeysOn = (threads: number): number =>
	Object.values(footprintOf(program.server, true, KERNEL_SIZES, { threads }).blocks).reduce((a, b) => a + b, 0);

/** Several threads find the inputs in memory that they share. */
const inputBytesOn = (threads: number): number =>
	threads === 1 ? 0 : inputs.flat().reduce((sum, { length }) => sum + length, 0);

const stagesOf = (inside: number): readonly number[] => {
	const cap = BEFORE + (inside + 1) * KEY;
	const layout = layoutOf(program.server, KERNEL_SIZES, { threads: 1, keepConstants: true, cap });
	const { steps } = linkProgram(program.server, new KernelConstants(program.server, program.constants), layout);
	const staged = (step: Step): readonly number[] => (step.kind === 'stage' ? [step.key] : []);
	return steps.flat().flatMap(staged);
};

test('a key is copied once for uses in a row, and those that change most often are inside', () => {
	assert.equal(stagesOf(0), [1, 2, 1, 2, 1, 0, 3]);
	assert.equal(stagesOf(1), [2, 0, 3]);
	assert.equal(stagesOf(2), [0, 3]);
	const copied = copiedBytes(program.server, true, KERNEL_SIZES, { cap: BEFORE + 2 * KEY });
	assert.is(
		copied.reduce((sum, bytes) => sum + bytes, 0),
		3 * KEY,
	);
});

test('every use finds its key at the stage or inside, no copy is idle, and what is inside fits', () => {
	const keys = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
	const sequence = fc.array(fc.option(fc.nat(7), { nil: undefined }), { maxLength: 40 });
	const property = fc.property(keys, sequence, fc.integer({ min: -20, max: 250 }), (bytes, all, room) => {
		const uses = all.map((key) => (key === undefined ? undefined : key % bytes.length));
		const { inside, stage, copied } = residencyOf(uses, bytes, room);
		const insideBytes = bytes.reduce((sum, length, key) => sum + (inside[key] === true ? length : 0), 0);
		const largest = Math.max(...bytes);
		assert.is(inside.every(Boolean), bytes.reduce((sum, length) => sum + length, 0) <= room);
		assert.is(stage, inside.every(Boolean) ? 0 : largest);
		if (room >= largest) assert.ok(insideBytes + stage <= room);
		else assert.ok(room >= insideBytes || insideBytes === 0);
		let there: number | undefined;
		let moved = 0;
		const copies = stagedKeys(uses, inside);
		uses.forEach((key, i) => {
			const copy = copies[i];
			if (copy !== undefined) {
				assert.is.not(copy, there);
				assert.is(copy, key);
				there = copy;
				moved += bytes[copy] as number;
			}
			if (key !== undefined && inside[key] !== true) assert.is(there, key);
		});
		assert.is(copied, moved);
	});
	fc.assert(property, { numRuns: 300 });
});

for (const threads of [1, 2])
	test(`key sets for which the wasm memory has no room lie outside, ${threads} threads, and are room for others once dropped`, async () => {
		const engine = await engineWith(beforeKeysOn(threads) + (KEYS + 1) * KEY, threads);
		const other = await senderOf(program);
		const theirs = await other.encrypt(samples);
		await engine.loadKeys('it', sender.keys, {});
		await engine.loadKeys('other', other.keys, {});
		await engine.loadKeys('again', sender.keys, {});
		const answer = await engine.evaluate('other', theirs, {});
		for (const name of ['it', 'again', 'it']) same(await engine.evaluate(name, inputs, {}), outputs);
		same(await engine.evaluate('other', theirs, {}), answer);
		const [mine] = await sender.decrypt(outputs, 1);
		const [yours] = await other.decrypt(answer, 1);
		const [a, b] = [mine, yours].map((result) => result?.outputs.get('y0')?.raw.data ?? []);
		assert.ok(maxDifference(a ?? [], b ?? []) < 4e-3);
		const peak = engine.peakBytes() ?? 0;
		assert.ok(peak < beforeKeysOn(threads) + (3 * KEYS + 1) * KEY + inputBytesOn(threads) + 65536);
		engine.dropKeys('other');
		assert.is((await refusalOfAsync(engine.evaluate('other', theirs, {}))).code, 'keys');
		await engine.loadKeys('new', other.keys, {});
		same(await engine.evaluate('new', theirs, {}), answer);
		assert.is(engine.peakBytes(), peak);
		await engine.dispose();
	});

test('a key set outside that is malformed or aborted leaves the others alone, and takes nothing', async () => {
	const engine = await engineWith(BEFORE + KEY);
	await engine.loadKeys('it', sender.keys, {});
	const broken = sender.keys.map((part, i) => (i === 3 ? part.slice().fill(255, 8, 14) : part));
	assert.is((await refusalOfAsync(engine.loadKeys('broken', broken, {}))).code, 'message');
	const signal = AbortSignal.abort();
	assert.is((await refusalOfAsync(engine.loadKeys('aborted', sender.keys, { signal }))).code, 'aborted');
	same(await engine.evaluate('it', inputs, {}), outputs);
	await engine.loadKeys('third', sender.keys, {});
	same(await engine.evaluate('third', inputs, {}), outputs);
	assert.is(engine.peakBytes(), 65536 * Math.ceil((BEFORE + KEY) / 65536) + 2 * KEYS * KEY);
});

test('keys outside count against the limit, for the first key set and for each more', async () => {
	const cap = BEFORE + KEY;
	const needed = cap + KEYS * KEY;
	assert.is((await refusalOfAsync(engineWith(cap, 1, 3e6))).code, 'memory');
	const engine = await engineWith(cap, 1, needed + KEYS * KEY - 1);
	await engine.loadKeys('it', sender.keys, {});
	const refused = await refusalOfAsync(engine.loadKeys('other', sender.keys, {}));
	assert.is(refused.code, 'memory');
	assert.match(refused.message, /2 key sets of 10 MB/);
	same(await engine.evaluate('it', inputs, {}), outputs);
});

test('a wasm memory that holds not even one key beside the rest, with no constants, is refused with the numbers', async () => {
	const least = beforeKeys(program, false) + KEY;
	const engine = await engineWith(least);
	await engine.loadKeys('it', sender.keys, {});
	same(await engine.evaluate('it', inputs, {}), outputs);
	const refused = await refusalOfAsync(engineWith(least - 64));
	assert.is(refused.code, 'memory');
	assert.match(refused.message, /needs \d+ MB of wasm memory .*its largest key 3 MB/);
});

test('keys or constants give way, whichever takes less time; where bytes are short, constants', () => {
	const alternating = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 1 : 5));
	const [few, many] = [manyTurns(40), manyTurns(40, alternating)];
	const keeps = (plan: Program, keys: number, limit?: number): boolean => {
		const cap = beforeKeys(plan) + keys * KEY;
		return kernelBudget(plan.server, true, KERNEL_SIZES, { cap, limit }).keepConstants;
	};
	// 40 constants take the room of two keys and a millisecond or more to encode. Without those keys 5 more copies are made, or 40.
	assert.is(keeps(few, 1), true);
	assert.is(keeps(many, 1), false);
	assert.is(keeps(many, KEYS), true);
	const most = total(kernelNeeds(few.server, true, KERNEL_SIZES));
	assert.is(keeps(few, KEYS, most), true);
	assert.is(keeps(few, KEYS, most - 1), false);
});

test.run();
