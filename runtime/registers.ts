import { type Registers, registersRead, registersWritten } from './plan.ts';

export type Allocated<I> = { readonly instructions: readonly I[]; readonly registers: number };

/**
 * Instructions that name values, each written once, on as few registers as values are alive at once: a register is free
 * again after the last reader of its value, and may be that reader's result. A value that nothing reads keeps none.
 */
export const allocated = <I extends Registers>(instructions: readonly I[]): Allocated<I> => {
	const last = lastReads(instructions);
	const registerOf = new Map<number, number>();
	const free: number[] = [];
	let registers = 0;
	const placed = instructions.map((step, k): I => {
		const reads = new Map(registersRead(step).map((value) => [value, registerOf.get(value) as number]));
		for (const [value, register] of reads) if (last.get(value) === k) free.push(register);
		const written = registersWritten(step);
		for (const value of written) registerOf.set(value, free.pop() ?? registers++);
		for (const value of written) if (!last.has(value)) free.push(registerOf.get(value) as number);
		return renamed(
			step,
			(value) => reads.get(value) as number,
			(value) => registerOf.get(value) as number,
		);
	});
	return { instructions: placed, registers };
};

/** For each value, the index of the last instruction that reads it. */
const lastReads = (instructions: readonly Registers[]): ReadonlyMap<number, number> =>
	new Map(instructions.flatMap((step, k) => registersRead(step).map((value): [number, number] => [value, k])));

/** The instruction with other names for what it reads and what it writes. */
const renamed = <I extends Registers>(
	step: I,
	read: (register: number) => number,
	write: (register: number) => number,
): I => {
	const { to, a, b, digits, terms } = step;
	return {
		...step,
		...(to === undefined ? {} : { to: typeof to === 'number' ? write(to) : to.map(write) }),
		...(a === undefined ? {} : { a: read(a) }),
		...(b === undefined ? {} : { b: read(b) }),
		...(digits === undefined ? {} : { digits: read(digits) }),
		...(terms === undefined ? {} : { terms: terms.map(read) }),
	};
};
