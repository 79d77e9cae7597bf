import { RefusedError } from '../../errors.ts';
import type { EvaluateOptions } from '../../execute.ts';
import { aligned, logOf } from '../../kernel/arena.ts';
import type { ServerProgram } from '../../plan.ts';
import { galoisElement } from '../../records.ts';
import type { KernelConstants } from './constants.ts';
import type { Layout } from './layout.ts';
import type { KernelCall, Linked, PortStep, Step } from './link.ts';
import type { Kernel } from './module.ts';

/** One thread's instance, ready to run the steps of a program. All threads run the same steps in the same order. */
export type Machine = {
	readonly kernel: Kernel;
	readonly program: ServerProgram;
	readonly layout: Layout;
	readonly constants: Pick<KernelConstants, 'slots'>;
	/** This one of `layout.threads`. */
	readonly thread: number;
	/** What inputs and outputs mean; asked of their owners only. */
	readonly port: (step: PortStep) => void;
};

/** A key outside the wasm memory, as it lies there; shared where several threads read it. */
export type OutsideKey = ArrayBuffer | SharedArrayBuffer;

/** Where the keys of a key set are. */
export type KeySet = {
	/** The address of those in the wasm memory; undefined where all are outside. */
	readonly at: number | undefined;
	/** Those outside, in the order of `keySlots`. */
	readonly outside: readonly (OutsideKey | undefined)[];
};

/** For steps that use no key. */
export const NO_KEYS: KeySet = { at: undefined, outside: [] };

/** The steps of each instruction with these keys. */
export const stepsWith = ({ at }: KeySet, { steps, outside }: Pick<Linked, 'steps' | 'outside'>): Linked['steps'] =>
	at === undefined ? outside : steps;

/** Runs the steps of a program that lies in the memory, in one thread or in several. */
export type Runner = {
	readonly threads: number;
	/** Bytes that it holds outside the wasm memory. */
	readonly bytes: number;
	/** outputs[output][part] for inputs[input][part] with these keys. */
	evaluate(
		keySet: KeySet,
		inputs: readonly (readonly Uint8Array[])[],
		options: EvaluateOptions,
	): Promise<readonly (readonly Uint8Array[])[]>;
	dispose(): Promise<void>;
};

/** Puts the tables that do not change into the memory. All threads together; each still has to call `enter`. */
export const makeTables = ({ kernel, program, layout, thread }: Omit<Machine, 'constants' | 'port'>): void => {
	const { exports, memory } = kernel;
	const { ringDegree, primes, specialPrime } = program.parameters;
	exports.setThreads(thread, layout.threads, layout.barrier);
	const moduli = layout.staging[thread] as number;
	const all = [...primes, specialPrime];
	new Float64Array(memory.buffer, moduli, all.length).set(all);
	exports.makeContext(layout.context, logOf(ringDegree), moduli, all.length);
	enter({ kernel, layout, thread });
	if (program.constants.length > 0) exports.makeEncoder(layout.encoder, logOf(ringDegree));
	for (const { slot, table } of layout.keys)
		if (slot.kind === 'rotation') exports.galoisTable(table, galoisElement(slot.steps, ringDegree));
};

/** This instance is one of the layout's threads and works with its tables from now on. */
export const enter = ({ kernel, layout, thread }: Pick<Machine, 'kernel' | 'layout' | 'thread'>): void => {
	kernel.exports.setThreads(thread, layout.threads, layout.barrier);
	kernel.exports.useContext(layout.context, layout.scratch);
};

/** Writes the addresses and weights that the steps read. Once, whichever thread does it. */
export const writeLists = ({ memory }: Kernel, { lists }: Linked): void => {
	for (const { at, values } of lists) {
		const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
		new Uint8Array(memory.buffer).set(bytes, at);
	}
};

/** Do all threads meet in this step? */
export const meets = (step: Step): boolean => (step.kind === 'input' || step.kind === 'output' ? step.meets : true);

/** Computes one step with these keys. */
export const runStep = (machine: Machine, step: Step, keySet: KeySet): void => {
	if (step.kind === 'encode') encode(machine, step.constant, step.to);
	else if (step.kind === 'stage') stage(machine, step, keySet);
	else if (step.kind === 'call') {
		const { args, key } = step;
		const calls: Readonly<Record<KernelCall, (...args: readonly number[]) => void>> = machine.kernel.exports;
		calls[step.call](...(key === undefined ? args : args.with(key, (keySet.at ?? 0) + (args[key] as number))));
	} else {
		if (step.owner === machine.thread) machine.port(step);
		if (step.meets) meet(machine);
	}
};

/** Runs all steps; yields after each instruction, and within those of several steps after each step. */
export const runLinked = function* (
	machine: Machine,
	steps: Linked['steps'],
	keySet: KeySet,
): Generator<{ readonly instruction: number; readonly done: boolean }> {
	for (const [instruction, all] of steps.entries())
		for (const [k, step] of all.entries()) {
			runStep(machine, step, keySet);
			yield { instruction, done: k === all.length - 1 };
		}
};

const encode = (machine: Machine, constant: number, to: number): void => {
	const { kernel, program, layout, constants } = machine;
	const staging = layout.staging[0] as number;
	alone(machine, () => {
		const slots = constants.slots(constant);
		new Float64Array(kernel.memory.buffer, staging, slots.length).set(slots);
	});
	const { level, scale, extended } = program.constants[constant] as ServerProgram['constants'][number];
	kernel.exports.encode(to, layout.encoder, staging, scale, level + 1, Number(extended === true));
};

/** Each thread copies a range. Nobody reads the stage meanwhile: all have met at the end of the call before. */
const stage = (machine: Machine, { key, to, bytes }: Extract<Step, { kind: 'stage' }>, { outside }: KeySet): void => {
	const { kernel, layout, thread } = machine;
	const source = outside[key];
	if (source === undefined) throw new RefusedError('keys', `key ${key} is not outside the wasm memory`);
	const share = aligned(bytes / layout.threads);
	const start = Math.min(bytes, thread * share);
	const length = Math.min(bytes - start, share);
	new Uint8Array(kernel.memory.buffer, to + start, length).set(new Uint8Array(source, start, length));
	meet(machine);
};

/** What thread 0 does while the others wait. */
const alone = (machine: Machine, work: () => void): void => {
	if (machine.thread === 0) work();
	meet(machine);
};

/** Returns when all threads have come here: a call that does nothing is where they meet. */
const meet = ({ kernel, layout }: Pick<Machine, 'kernel' | 'layout'>): void => {
	if (layout.threads > 1) kernel.exports.negate(0, 0, 0, 0, 0);
};
