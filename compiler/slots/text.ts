import { type Id, operandsOf, type SlotCircuit } from './circuit.ts';

/** What a listing needs to know of an operation of either circuit. */
type Listed = {
	readonly kind: string;
	readonly origin: string;
	readonly a?: Id;
	readonly b?: Id;
	readonly name?: string;
	readonly part?: number;
	readonly steps?: number;
};
type Outputs = readonly { readonly name: string; readonly parts: readonly Id[] }[];

const values = (ids: readonly Id[]): string => ids.map((id) => `%${id}`).join(', ');

const operation = (op: Listed): string => {
	if (op.name !== undefined) return `${op.kind} ${op.name}[${op.part}]`;
	const operands = `${op.kind} ${values(operandsOf(op))}`;
	return op.steps === undefined ? operands : `${operands} by ${op.steps}`;
};

/** The head, one line per operation with what `more` adds to it, a comment line where the layer changes, the outputs. */
export const listing = <O extends Listed>(
	head: readonly string[],
	ops: readonly O[],
	more: (op: O) => string,
	outputs: Outputs,
): string => {
	const lines = [...head];
	let origin: string | undefined;
	ops.forEach((op, id) => {
		if (op.origin !== origin) {
			origin = op.origin;
			lines.push(`# ${origin}`);
		}
		lines.push(`%${id} = ${operation(op)}${more(op)}`);
	});
	for (const { name, parts } of outputs) lines.push(`output ${name} = ${values(parts)}`);
	return `${lines.join('\n')}\n`;
};

/** One line per operation: `%7 = rotate %3 by 32`. */
export const print = ({ slots, plains, ops, outputs }: SlotCircuit): string =>
	listing(
		[`slots ${slots}, plaintexts ${plains.length}`],
		ops,
		(op) => ('plain' in op ? `, p${op.plain}` : ''),
		outputs,
	);
