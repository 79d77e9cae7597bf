import { type Op, operandsOf, type SlotCircuit } from './circuit.ts';

const detail = (op: Op): string => {
	if (op.kind === 'input') return ` ${op.name}[${op.part}]`;
	const operands = ` ${operandsOf(op)
		.map((id) => `%${id}`)
		.join(', ')}`;
	if (op.kind === 'rotate') return `${operands} by ${op.steps}`;
	return 'plain' in op ? `${operands}, p${op.plain}` : operands;
};

/** One line per operation: `%7 = rotate %3 by 32`, a comment line where the layer changes. */
export const print = (circuit: SlotCircuit): string => {
	const lines = [`slots ${circuit.slots}, plaintexts ${circuit.plains.length}`];
	let origin: string | undefined;
	circuit.ops.forEach((op, id) => {
		if (op.origin !== origin) {
			origin = op.origin;
			lines.push(`# ${origin}`);
		}
		lines.push(`%${id} = ${op.kind}${detail(op)}`);
	});
	for (const { name, parts } of circuit.outputs)
		lines.push(`output ${name} = ${parts.map((id) => `%${id}`).join(', ')}`);
	return `${lines.join('\n')}\n`;
};
