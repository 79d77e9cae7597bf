import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkBounds } from '../../runtime/backends/kernel/bounds.ts';
import { KernelConstants } from '../../runtime/backends/kernel/constants.ts';
import { type Layout, layoutOf } from '../../runtime/backends/kernel/layout.ts';
import { type Linked, linkProgram, type Step } from '../../runtime/backends/kernel/link.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { KERNEL_SIZES, kernelNeeds } from '../../runtime/kernel/memory.ts';
import { type Program, registersRead, registersWritten } from '../../runtime/plan.ts';
import { checkShape, serverComplaint } from '../../runtime/programShape.ts';
import { type Value, valuesOf } from '../../runtime/values.ts';
import { everyOperation, refusalOf } from '../runtime/support.ts';
import { PARAMETERS, KERNEL_SCALE as S, Sketchbook } from './programs.ts';
import { randomPlans } from './randomPlans.ts';

const ROW = 8 * PARAMETERS.ringDegree;

const link = (program: Program, keepConstants: boolean): { readonly layout: Layout; readonly linked: Linked } => {
	const layout = layoutOf(program.server, KERNEL_SIZES, { threads: 1, keepConstants });
	const constants = new KernelConstants(program.server, program.constants);
	return { layout, linked: linkProgram(program.server, constants, layout) };
};

const plans = randomPlans(40);

const bytesOf = (value: Value): number =>
	value.kind === 'digits'
		? (value.level + 1) * (value.level + 2) * (ROW + 64)
		: value.size * (value.level + (value.extended ? 2 : 1)) * ROW;

type Block = { readonly at: number; readonly bytes: number };
const overlap = (a: Block, b: Block): boolean => a.at < b.at + b.bytes && b.at < a.at + a.bytes;

test('no value lies where another one lives, but for a result in the place of an operand of its size that dies', () => {
	const property = fc.property(plans, fc.boolean(), ({ server }, keep) => {
		const { places } = layoutOf(server, KERNEL_SIZES, { threads: 1, keepConstants: keep });
		const values = valuesOf(server);
		const last = new Map<number, number>();
		server.instructions.forEach((step, i) => {
			for (const register of registersRead(step)) last.set(register, i);
		});
		const living = new Map<number, Block>();
		server.instructions.forEach((step, i) => {
			const { reads, writes, plaintexts, partial } = places[i] as (typeof places)[number];
			for (const register of registersRead(step)) assert.is(reads.get(register)?.at, living.get(register)?.at);
			const inPlace = ['add', 'subtract', 'negate', 'addPlain'].includes(step.op);
			const blocks = writes.map(({ at }, k): Block => ({ at, bytes: bytesOf(values[i]?.[k] as Value) }));
			const bytes = 'constants' in step || 'constant' in step ? (blocks[0]?.bytes ?? 0) / 2 : 0;
			const others: Block[] = plaintexts.map((at) => ({ at, bytes: bytes - ('constant' in step ? ROW : 0) }));
			if (partial !== undefined) others.push({ at: partial, bytes: blocks[0]?.bytes ?? 0 });
			const all = [...blocks, ...others];
			all.forEach((block, k) => {
				assert.is(block.at % 64, 0);
				for (const other of all.slice(k + 1)) assert.not.ok(overlap(block, other), `two blocks of instruction ${i}`);
			});
			for (const [register, block] of living) {
				const dies = last.get(register) === i;
				const same = (other: Block): boolean => other.at === block.at && other.bytes === block.bytes;
				for (const other of all)
					if (!(inPlace && dies && blocks.includes(other) && same(other)))
						assert.not.ok(overlap(block, other), `instruction ${i} overwrites register ${register}`);
			}
			registersWritten(step).forEach((register, k) => void living.set(register, blocks[k] as Block));
			for (const register of [...living.keys()]) if ((last.get(register) ?? i) <= i) living.delete(register);
		});
	});
	fc.assert(property, { numRuns: 60 });
});

test('linking a program twice gives the same steps, lists and addresses', () => {
	const property = fc.property(plans, fc.boolean(), (program, keep) => {
		assert.equal(link(program, keep), link(program, keep));
	});
	fc.assert(property, { numRuns: 20 });
});

test('every step writes to the arena, and what lies before the key sets is as much as is predicted', () => {
	const property = fc.property(plans, fc.boolean(), (program, keep) => {
		const { layout, linked } = link(program, keep);
		const { keys, ...rest } = kernelNeeds(program.server, keep, KERNEL_SIZES);
		assert.is(
			layout.keySets,
			Object.values(rest).reduce((sum, bytes) => sum + bytes, 0),
		);
		assert.is(layout.keySetBytes, keys);
		assert.is(linked.steps.length, program.server.instructions.length);
		for (const step of linked.steps.flat()) {
			const to = step.kind === 'call' ? (step.args[0] as number) : 'to' in step ? step.to : step.at;
			const start = step.kind === 'call' && step.call === 'combine' ? 0 : layout.arena;
			assert.ok(to >= start && to < layout.keySets);
		}
		const kept = linked.setUp.map((step) => (step.kind === 'encode' ? step.to : -1));
		assert.equal(kept, layout.constants ?? []);
		for (const at of kept) assert.ok(at > layout.scratch && at < layout.arena);
	});
	fc.assert(property, { numRuns: 20 });
});

test('a sum is made of one call where the plaintexts are kept, and of eight terms at a time where not', () => {
	const plan = new Sketchbook();
	const x = plan.input(1);
	const terms = new Array<number>(20).fill(x);
	plan.output(
		plan.add({
			op: 'rescale',
			a: plan.add({ op: 'sumProducts', terms, constants: terms.map(() => plan.constant(1, S)) }),
		}),
	);
	const program = plan.program();
	const callsOf = (keep: boolean): string[] =>
		(link(program, keep).linked.steps[1] ?? []).map((step) => (step.kind === 'call' ? step.call : step.kind));
	const encode = (count: number): string[] => new Array<string>(count).fill('encode');
	assert.equal(callsOf(true), ['sumProducts']);
	assert.equal(callsOf(false), [
		...[...encode(8), 'sumProducts'],
		...[...encode(8), 'sumProducts', 'add'],
		...[...encode(4), 'sumProducts', 'add'],
	]);
});

test('rotations by the same steps share a table, and keys lie one behind the other', () => {
	const { server } = everyOperation();
	const [first] = server.keys.steps;
	const { keys, keySetBytes } = layoutOf(server, KERNEL_SIZES, { threads: 1, keepConstants: true });
	assert.equal(
		keys.map(({ slot, primes }) => [slot.kind, primes]),
		[
			['relinearization', 2],
			['rotation', 2],
			['rotation', 2],
		],
	);
	assert.is(keys[0]?.table, 0);
	assert.is(new Set(keys.map(({ table }) => table)).size, 3);
	const bytes = 2 * 2 * 3 * 8 * 4096;
	assert.equal(
		keys.map(({ at }) => at),
		[0, bytes, 2 * bytes],
	);
	assert.is(keySetBytes, 3 * bytes);
	const twice = { ...server.keys, steps: [first, first].flatMap((step) => (step === undefined ? [] : [step])) };
	const shared = layoutOf({ ...server, inputs: [], outputs: [], instructions: [], keys: twice }, KERNEL_SIZES, {
		threads: 1,
		keepConstants: true,
	});
	assert.is(shared.keys[1]?.table, shared.keys[2]?.table);
});

/** Addresses and counts of a step. */
const numbersOf = (step: Step): readonly number[] => {
	if (step.kind !== 'call') return ['to' in step ? step.to : step.at];
	return step.call === 'encodeNumber' ? step.args.toSpliced(1, 1) : step.args;
};

test('a program whose numbers were changed by hand is refused, or linked within its memory', () => {
	const program = everyOperation();
	const numbers: { readonly holder: Record<string, unknown>; readonly name: string }[] = [];
	const copy = structuredClone(program.server);
	const collect = (value: unknown): void => {
		if (typeof value !== 'object' || value === null) return;
		const holder = value as Record<string, unknown>;
		for (const name of Object.keys(holder))
			if (typeof holder[name] === 'number') numbers.push({ holder, name });
			else collect(holder[name]);
	};
	collect(copy);
	const outcomes = { linked: 0, refused: 0 };
	const tryOut = (keep: boolean): void => {
		try {
			checkShape(serverComplaint(copy));
			checkBounds(copy);
			const { layout, linked } = link({ ...program, server: copy }, keep);
			for (const step of linked.steps.flat())
				for (const value of numbersOf(step))
					assert.ok(Number.isInteger(value) && value < layout.keySets + layout.keySetBytes, JSON.stringify(step));
			outcomes.linked++;
		} catch (error) {
			if (!(error instanceof RefusedError)) throw error;
			outcomes.refused++;
		}
	};
	const others = [0, 1, 2, 3, -1, 0.5, 2047, 2048, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53, 1e300, 1e-300, Number.NaN];
	for (const { holder, name } of numbers) {
		const before = holder[name];
		for (const [i, other] of others.entries()) {
			holder[name] = other;
			tryOut(i % 2 === 0);
		}
		holder[name] = before;
	}
	assert.ok(outcomes.linked > 50 && outcomes.refused > 500, JSON.stringify(outcomes));
});

test('a plan that is not legal, and one with a key of more bytes than addresses, are refused', () => {
	const { server } = everyOperation();
	const layout = (changed: typeof server) => () => layoutOf(changed, KERNEL_SIZES, { threads: 1, keepConstants: true });
	assert.is(refusalOf(layout({ ...server, instructions: [{ op: 'negate', to: 0, a: 5 }] })), 'program');
	const primes = Array.from({ length: 100 }, () => server.parameters.primes[0] as number);
	const large = {
		...server,
		inputs: [],
		outputs: [],
		instructions: [],
		constants: [],
		parameters: { ...server.parameters, ringDegree: 32768, primes },
		keys: { steps: [{ step: 1, level: 99 }] },
	};
	assert.is(refusalOf(layout(large)), 'memory');
});

test.run();
