import type { Instruction, Program, ServerProgram } from '../../runtime/plan.ts';
import { type KeySlot, keySlots } from '../../runtime/sizes.ts';

const registers = (list: readonly number[]): string => list.map((register) => `r${register}`).join(', ');

const written = (step: Instruction): string => {
	switch (step.op) {
		case 'input':
			return `r${step.to} = input ${step.input} part ${step.part}`;
		case 'output':
			return `output ${step.output} part ${step.part} = r${step.a}`;
		case 'add':
		case 'subtract':
		case 'multiply':
			return `r${step.to} = ${step.op} r${step.a}, r${step.b}`;
		case 'addPlain':
			return `r${step.to} = ${step.op} r${step.a}, c${step.constant}`;
		case 'combine':
			return `${registers(step.to)} = combine ${registers(step.terms)} at ${step.offset}`;
		case 'sumProducts':
			return `r${step.to} = sumProducts ${step.terms.map((term, k) => `r${term} c${step.constants[k]}`).join(', ')}`;
		case 'rotate':
			return `r${step.to} = rotate r${step.a} digits r${step.digits} by ${step.steps}`;
		case 'modSwitch':
			return `r${step.to} = modSwitch r${step.a} to level ${step.level}`;
		case 'negate':
		case 'decompose':
		case 'relinearize':
		case 'modDown':
		case 'rescale':
			return `r${step.to} = ${step.op} r${step.a}`;
	}
};

/** A key and the highest level it serves: `rotation 32 at 3`. */
const keyText = (slot: KeySlot): string =>
	`${slot.kind === 'rotation' ? `rotation ${slot.steps}` : slot.kind} at ${slot.level}`;

const constantsText = ({ constants, keepConstants }: ServerProgram): string =>
	`${constants.length} (${constants.filter(({ extended }) => extended).length} extended)${keepConstants ? '' : ' encoded at each use'}`;

/** One line per instruction: `r3 = rotate r1 digits r2 by 32`. */
export const print = ({ server }: Program): string =>
	`${[
		`registers ${server.registers}, constants ${constantsText(server)}, batch ${server.batch}`,
		`keys ${keySlots(server.keys).map(keyText).join(', ')}`,
		...server.instructions.map(written),
	].join('\n')}\n`;
