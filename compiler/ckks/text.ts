import { type CkksCircuit, type Op, operandsOf } from './circuit.ts';

const detail = (op: Op): string => {
	if (op.kind === 'input') return ` ${op.name}[${op.part}]`;
	const operands = ` ${operandsOf(op)
		.map((id) => `%${id}`)
		.join(', ')}`;
	if (op.kind === 'rotate') return `${operands} by ${op.steps}`;
	return 'constant' in op ? `${operands}, c${op.constant}` : operands;
};

const bits = (x: number): string => Math.log2(x).toFixed(2);

/** One line per value: `%7 = rescale %6  level 2, scale 2^30.00`. */
export const print = (circuit: CkksCircuit): string => {
	const { parameters } = circuit;
	const lines = [
		`ring degree ${parameters.ringDegree}, slots ${circuit.slots}, security ${parameters.security}`,
		`primes ${parameters.primes.map(bits).join(' ')}, special ${bits(parameters.specialPrime)}`,
	];
	let origin: string | undefined;
	circuit.ops.forEach((op, id) => {
		if (op.origin !== origin) {
			origin = op.origin;
			lines.push(`# ${origin}`);
		}
		lines.push(
			`%${id} = ${op.kind}${detail(op)}  level ${op.level}, scale 2^${bits(op.scale)}${op.size === 3 ? ', size 3' : ''}`,
		);
	});
	for (const { name, parts } of circuit.outputs)
		lines.push(`output ${name} = ${parts.map((id) => `%${id}`).join(', ')}`);
	return `${lines.join('\n')}\n`;
};
