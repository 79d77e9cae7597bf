import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chainOf, demandOf } from '../../compiler/ckks/chain.ts';
import type { CkksCircuit, Constant, Kind, Op } from '../../compiler/ckks/circuit.ts';
import { lower } from '../../compiler/ckks/lower.ts';
import { print } from '../../compiler/ckks/text.ts';
import { verify } from '../../compiler/ckks/verify.ts';
import { SlotBuilder } from '../../compiler/slots/circuit.ts';
import { assertFinds } from '../support/verifier.ts';
import { plain } from './support.ts';

const slots = 4;

/** Every kind of operation once at least. */
const sample = (): CkksCircuit => {
	const builder = new SlotBuilder(slots);
	const [x, z] = [builder.input('x', 0), builder.input('x', 1)];
	const first = builder.multiply(x, z);
	const sum = builder.add(builder.rotate(first, 1), builder.negate(z));
	const second = builder.addPlain(builder.multiplyPlain(sum, plain(slots, 1)), plain(slots, 2));
	const third = builder.multiply(second, second);
	const circuit = builder.build([
		{ name: 'y', parts: [builder.subtract(third, builder.rotate(x, 2)), third] },
		{ name: 'w', parts: [builder.add(x, z)] },
		{ name: 'v', parts: [builder.combine([x, z], Float64Array.of(0.5, -2))] },
	]);
	const demand = demandOf(circuit);
	const chain = chainOf(
		demand,
		{ scale: 30, plain: 28, threshold: 0 },
		{ base: [2 ** 50], special: 2 ** 51 },
		8192,
		128,
	);
	return lower(circuit, demand, chain, 'pending');
};

const idOf = (circuit: CkksCircuit, kind: Kind): number => circuit.ops.findIndex((op) => op.kind === kind);

type Change = Partial<Omit<Op<'add'>, 'kind'>>;
const changed = (kind: Kind, change: (op: Op, circuit: CkksCircuit) => Change): CkksCircuit => {
	const circuit = sample();
	const at = idOf(circuit, kind);
	const ops = circuit.ops.map((op, id) => (id === at ? ({ ...op, ...change(op, circuit) } as Op) : op));
	return { ...circuit, ops };
};
const withConstants = (kind: Kind, change: (constant: Constant) => Constant): CkksCircuit => {
	const circuit = sample();
	const op = circuit.ops[idOf(circuit, kind)] as Op<'addPlain'>;
	return { ...circuit, constants: circuit.constants.map((c, id) => (id === op.constant ? change(c) : c)) };
};
const combining = (terms: (circuit: CkksCircuit) => readonly number[]): CkksCircuit => {
	const circuit = sample();
	const last = circuit.ops.length;
	const combination = circuit.ops[idOf(circuit, 'combine')] as Op<'combine'>;
	return { ...circuit, ops: [...circuit.ops, { ...combination, terms: terms(circuit), slot: last }] };
};
const of = (circuit: CkksCircuit, size: 2 | 3): number => circuit.ops.findIndex((op) => op.size === size);

const broken: readonly (readonly [string, () => CkksCircuit, RegExp])[] = [
	['an operand that comes later', () => changed('negate', (_, c) => ({ a: c.ops.length - 1 })), /not yet computed/],
	['a level below zero', () => changed('input', () => ({ level: -1 })), /level -1 does not exist/],
	['a level above the chain', () => changed('input', () => ({ level: 99 })), /level 99 does not exist/],
	['a scale below 1', () => changed('input', () => ({ scale: 0.5 })), /scale 0.5/],
	['a scale that is no number', () => changed('input', () => ({ scale: Number.NaN })), /scale NaN/],
	['an input of size 3', () => changed('input', () => ({ size: 3 })), /size 3/],
	['a rotation of a value of size 3', () => changed('rotate', (_, c) => ({ a: of(c, 3) })), /size 3/],
	['a rotation that changes the level', () => changed('rotate', ({ level }) => ({ level: level - 1 })), /level/],
	['a sum of other scales', () => changed('add', ({ scale }) => ({ scale: scale * 1.001 })), /scale/],
	['a sum of another level', () => changed('add', ({ level }) => ({ level: level - 1 })), /level/],
	['a difference of another size', () => changed('subtract', ({ size }) => ({ size: size === 2 ? 3 : 2 })), /size/],
	['a negation that scales', () => changed('negate', ({ scale }) => ({ scale: 2 * scale })), /scale/],
	[
		'a constant to add at another level',
		() => withConstants('addPlain', (c) => ({ ...c, level: c.level + 1 })),
		/constant at another level/,
	],
	[
		'a constant to add at another scale',
		() => withConstants('addPlain', (c) => ({ ...c, scale: 2 * c.scale })),
		/constant of another scale/,
	],
	['a constant that does not exist', () => ({ ...sample(), constants: [] }), /constant/],
	[
		'a factor at another level',
		() => withConstants('multiplyPlain', (c) => ({ ...c, level: c.level + 1 })),
		/constant at another level/,
	],
	['a factor of a scale below 1', () => withConstants('multiplyPlain', (c) => ({ ...c, scale: 0.5 })), /scale 0.5/],
	[
		'a product with a plaintext of the wrong scale',
		() => changed('multiplyPlain', ({ scale }) => ({ scale: 2 * scale })),
		/scale/,
	],
	['a product of size 2', () => changed('multiply', () => ({ size: 2 })), /size/],
	['a product of the wrong scale', () => changed('multiply', ({ scale }) => ({ scale: 2 * scale })), /scale/],
	['a combination of size 3', () => changed('combine', () => ({ size: 3 })), /size/],
	['a combination at another level', () => changed('combine', ({ level }) => ({ level: level - 1 })), /level/],
	['a combination of the wrong scale', () => changed('combine', () => ({ scale: 1 })), /weights of scale/],
	['a combination of terms at other scales', () => combining((c) => [idOf(c, 'input'), idOf(c, 'rescale')]), /terms/],
	[
		'a combination of more terms than weights',
		() => combining((c) => [0, 1, 0].map(() => idOf(c, 'input'))),
		/weights/,
	],
	['a relinearisation of size 2', () => changed('relinearize', (_, c) => ({ a: of(c, 2) })), /nothing to relinearise/],
	['a relinearisation that leaves size 3', () => changed('relinearize', () => ({ size: 3 })), /size/],
	['a rescale that keeps the level', () => changed('rescale', ({ level }) => ({ level: level + 1 })), /level/],
	[
		'a rescale by something else than the prime',
		() => changed('rescale', ({ scale }) => ({ scale: scale * 1.0001 })),
		/scale/,
	],
	['a switch up', () => changed('modSwitch', (_, c) => ({ level: c.parameters.primes.length - 1 })), /lower level/],
	['a switch that scales', () => changed('modSwitch', ({ scale }) => ({ scale: 2 * scale })), /scale/],
	[
		'an output of size 3',
		() => {
			const circuit = sample();
			return { ...circuit, outputs: [{ name: 'y', parts: [of(circuit, 3)] }] };
		},
		/size 2/,
	],
	['an output that does not exist', () => ({ ...sample(), outputs: [{ name: 'y', parts: [999] }] }), /size 2/],
	[
		'parts of an output at different levels',
		() => {
			const circuit = sample();
			const levels = circuit.ops.map(({ level, size }) => (size === 2 ? level : -1));
			const parts = [levels.indexOf(Math.max(...levels)), levels.indexOf(0)];
			return { ...circuit, outputs: [{ name: 'y', parts }] };
		},
		/parts of y differ/,
	],
];

test('the sample has every kind of operation, is valid, and prints', () => {
	const circuit = sample();
	verify(circuit);
	const kinds: Readonly<Record<Kind, true>> = {
		input: true,
		rotate: true,
		add: true,
		subtract: true,
		negate: true,
		addPlain: true,
		multiplyPlain: true,
		multiply: true,
		combine: true,
		relinearize: true,
		rescale: true,
		modSwitch: true,
	};
	for (const kind of Object.keys(kinds) as Kind[]) assert.ok(idOf(circuit, kind) >= 0, kind);
	assert.is(
		print(circuit)
			.split('\n')
			.filter((line) => line.startsWith('%')).length,
		circuit.ops.length,
	);
});

for (const [what, build, message] of broken)
	test(`the verifier finds ${what}`, () => {
		const circuit = build();
		assertFinds(() => verify(circuit), message);
	});

test.run();
