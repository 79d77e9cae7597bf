import { RefusedError } from '../../errors.ts';
import { threadContext } from '../../threads.ts';
import { slotsOf } from './constants.ts';
import type { Linked, PortStep, Step } from './link.ts';
import { instantiate } from './module.ts';
import { portsOf } from './ports.ts';
import { type Answer, CONTROL, type Order, type OutputPart, type ThreadData } from './protocol.ts';
import { enter, type Machine, meets, runStep, stepsWith } from './run.ts';
import { Wire } from './wire.ts';

/**
 * One of the threads of a kernel. All run the same list and share the work of each step; none may leave it alone, or the others
 * would wait for ever. So one says at which entry it ends before all meet there, and all look after it.
 */
const { port, data } = threadContext();
const { module, memory, program, layout, linked, values, inputs, control, thread } = data as ThreadData;
const kernel = await instantiate(module, memory);
const wire = new Wire(kernel, program.parameters, layout.staging[thread] as number);
enter({ kernel, layout, thread });

/** For each entry the one at whose end all threads meet next. */
const meetingsOf = (list: readonly (readonly Step[])[]): readonly number[] => {
	const meetings = new Array<number>(list.length);
	let next = list.length;
	for (let i = list.length - 1; i >= 0; i--) {
		if ((list[i] as readonly Step[]).some(meets)) next = i;
		meetings[i] = next;
	}
	return meetings;
};

/** Leaves the list after this entry, unless that is settled already. */
const stopAfter = (entry: number): void => {
	Atomics.compareExchange(control, CONTROL.stop, 0, entry + 1);
};

type List = { readonly list: Linked['steps']; readonly meetings: readonly number[] };

const known = new Map<Linked['steps'], List>();

/** The steps, each list looked through once; with those that come before the first evaluation where `setUp`. */
const listOf = (steps: Linked['steps'], setUp: boolean): List => {
	const list = setUp ? [...linked.setUp.map((step) => [step]), ...steps] : steps;
	const found = known.get(list) ?? { list, meetings: meetingsOf(list) };
	if (!setUp) known.set(list, found);
	return found;
};

const compute = ({ keySet, setUp }: Order): Answer => {
	const { list, meetings } = listOf(stepsWith(keySet, linked), setUp);
	const first = list.length - linked.steps.length;
	const outputs: OutputPart[] = [];
	const times: number[] = [];
	let refusal: Answer['refusal'];
	let entry = 0;
	const use = portsOf(program, wire, inputs, (output, part, bytes) => void outputs.push({ output, part, bytes }));
	const guarded = (step: PortStep): void => {
		try {
			use(step);
		} catch (error) {
			if (!(error instanceof RefusedError)) throw error;
			refusal ??= { code: error.code, message: error.message, hint: error.hint };
			stopAfter(meetings[entry] as number);
		}
	};
	const slots = (constant: number): Float64Array => slotsOf(program, values, constant);
	const machine: Machine = { kernel, program, layout, constants: { slots }, thread, port: guarded };
	for (; entry < list.length; entry++) {
		if (thread === 0 && meetings[entry] === entry && Atomics.load(control, CONTROL.abort) !== 0) stopAfter(entry);
		const start = performance.now();
		for (const step of list[entry] as readonly Step[]) runStep(machine, step, keySet);
		if (thread === 0 && entry >= first) {
			times.push(performance.now() - start);
			Atomics.store(control, CONTROL.progress, times.length);
		}
		const stop = Atomics.load(control, CONTROL.stop);
		if (stop !== 0 && entry + 1 >= stop) break;
	}
	return { outputs, times, ...(refusal === undefined ? {} : { refusal }) };
};

port.on('message', (order: Order) => {
	const answer = compute(order);
	const buffers = answer.outputs.map(({ bytes }) => bytes.buffer).filter((buffer) => buffer instanceof ArrayBuffer);
	port.postMessage(answer, buffers);
});
