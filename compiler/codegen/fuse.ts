import type { CkksCircuit, Id, Op } from '../ckks/circuit.ts';
import type { Group } from './combinations.ts';
import { extensionOf } from './extension.ts';
import { SumWriter } from './sums.ts';
import { Writer, type Written } from './writer.ts';

/** What fusion needs besides the circuit. */
export type FusionContext = {
	/** The groups of combinations, by the first of each. */
	readonly groups: ReadonlyMap<Id, Group>;
	/** Word of the constants where the weights of a group begin. */
	readonly weightsAt: (group: Group) => number;
	/** Real slots for a virtual one. */
	readonly batch: number;
};

/**
 * The circuit, in its own order, by the instructions of a plan: rotations of one value share its digits, values stay
 * extended as long as that pays, the products of a sum are one instruction, and so are combinations of the same terms. Outputs
 * follow at once.
 */
export const fused = (circuit: CkksCircuit, { groups, weightsAt, batch }: FusionContext): Written => {
	const extension = extensionOf(circuit);
	const writer = new Writer(extension);
	const sums = new SumWriter(circuit, extension, writer);
	const inputs = inputNames(circuit);
	const outputs = outputPlaces(circuit);
	circuit.ops.forEach((op, id) => {
		writer.source = id;
		const results = op.kind === 'combine' ? (groups.get(id) ?? []) : [id];
		if (op.kind === 'add') sums.add(id, op);
		else if (op.kind === 'multiplyPlain') sums.multiplyPlain(id, op);
		else if (op.kind === 'input')
			writer.computed(
				id,
				writer.emit((to) => ({ op: 'input', to, input: inputs.indexOf(op.name), part: op.part })),
			);
		else if (op.kind === 'combine') combine(circuit, writer, op, results, weightsAt);
		else writer.computed(id, compute(writer, op, batch));
		for (const result of results) {
			writer.source = result;
			for (const place of outputs.get(result) ?? []) writer.push({ op: 'output', a: writer.divided(result), ...place });
		}
	});
	return writer.finish();
};

/** The input tensors in the order of their first part. */
export const inputNames = (circuit: CkksCircuit): readonly string[] => [
	...new Set(circuit.ops.flatMap((op) => (op.kind === 'input' ? [op.name] : []))),
];

type Place = { readonly output: number; readonly part: number };

const outputPlaces = (circuit: CkksCircuit): ReadonlyMap<Id, readonly Place[]> => {
	const places = new Map<Id, Place[]>();
	circuit.outputs.forEach(({ parts }, output) => {
		parts.forEach((id, part) => {
			places.set(id, [...(places.get(id) ?? []), { output, part }]);
		});
	});
	return places;
};

/** All of a group at once, none where there is none. */
const combine = (
	{ ops }: CkksCircuit,
	writer: Writer,
	{ terms, level, scale }: Op<'combine'>,
	group: Group,
	weightsAt: FusionContext['weightsAt'],
): void => {
	if (group.length === 0) return;
	const from = terms.map((term) => writer.divided(term));
	const to = group.map(() => writer.value());
	const ratio = scale / (ops[terms[0] as Id] as Op).scale;
	writer.push({ op: 'combine', to, terms: from, offset: weightsAt(group), level, scale: ratio });
	group.forEach((id, k) => {
		writer.computed(id, to[k] as number);
	});
};

type Other = Exclude<Op, Op<'add'> | Op<'multiplyPlain'> | Op<'input'> | Op<'combine'>>;

/** One operation by one instruction, its operands in the form that it takes; the value of its result. */
const compute = (writer: Writer, op: Other, batch: number): number => {
	switch (op.kind) {
		case 'subtract': {
			const [a, b] = [op.a, op.b].map((id) => (op.size === 2 ? writer.passed(id) : writer.divided(id))) as [
				number,
				number,
			];
			return writer.emit((to) => ({ op: 'subtract', to, a, b }));
		}
		case 'multiply': {
			const [a, b] = [writer.divided(op.a), writer.divided(op.b)];
			return writer.emit((to) => ({ op: 'multiply', to, a, b }));
		}
		case 'relinearize': {
			const a = writer.divided(op.a);
			return writer.emit((to) => ({ op: 'relinearize', to, a }));
		}
		case 'negate': {
			const a = writer.passed(op.a);
			return writer.emit((to) => ({ op: 'negate', to, a }));
		}
		case 'addPlain': {
			const [a, constant] = [writer.passed(op.a), writer.constant(op.constant, false)];
			return writer.emit((to) => ({ op: 'addPlain', to, a, constant }));
		}
		case 'modSwitch': {
			const a = writer.passed(op.a);
			return writer.emit((to) => ({ op: 'modSwitch', to, a, level: op.level }));
		}
		case 'rescale': {
			const a = writer.reduced(op.a);
			return writer.emit((to) => ({ op: 'rescale', to, a }));
		}
		case 'rotate': {
			const [a, digits] = [writer.reduced(op.a), writer.digits(op.a)];
			return writer.emit((to) => ({ op: 'rotate', to, a, digits, steps: op.steps * batch }));
		}
	}
};
