import { InternalError } from '../errors.ts';
import { remembered } from '../remembered.ts';
import { operandsOf } from '../slots/circuit.ts';
import { type CkksCircuit, type Kind, type Op, sameScale } from './circuit.ts';

type Context = { readonly at: (id: number) => Op; readonly circuit: CkksCircuit };
/** What is wrong with an operation; undefined when nothing is. */
type Rules = { readonly [K in Kind]: (op: Op<K>, context: Context) => string | undefined };

const like = (op: Op, a: Op): string | undefined => {
	if (op.level !== a.level) return `level ${op.level} where its operand has ${a.level}`;
	if (!sameScale(op.scale, a.scale)) return `scale ${op.scale} where its operand has ${a.scale}`;
	return op.size === a.size ? undefined : `size ${op.size} where its operand has ${a.size}`;
};

const sum = (op: Op<'add'> | Op<'subtract'>, { at }: Context): string | undefined => {
	const [a, b] = [at(op.a), at(op.b)];
	if (a.level !== b.level || !sameScale(a.scale, b.scale))
		return `levels ${a.level}, ${b.level}, scales ${a.scale}, ${b.scale}`;
	return like(op, a.size > b.size ? a : b);
};

const rules: Rules = {
	input: (op) => (op.size === 2 ? undefined : 'of size 3'),
	rotate: (op, { at }) => (at(op.a).size === 2 ? like(op, at(op.a)) : 'rotates a value of size 3'),
	add: sum,
	subtract: sum,
	negate: (op, { at }) => like(op, at(op.a)),
	addPlain: (op, { at, circuit }) => {
		const constant = circuit.constants[op.constant];
		if (constant?.level !== op.level) return 'a constant at another level';
		return sameScale(constant.scale, op.scale) ? like(op, at(op.a)) : 'a constant of another scale';
	},
	multiplyPlain: (op, { at, circuit }) => {
		const constant = circuit.constants[op.constant];
		if (constant?.level !== op.level) return 'a constant at another level';
		if (constant.scale < 1) return `a constant of scale ${constant.scale}`;
		return like(op, { ...at(op.a), scale: at(op.a).scale * constant.scale });
	},
	multiply: (op, { at }) => {
		const [a, b] = [at(op.a), at(op.b)];
		if (a.level !== b.level || a.size !== 2 || b.size !== 2) return 'operands of other levels or sizes';
		return like(op, { ...a, scale: a.scale * b.scale, size: 3 });
	},
	combine: (op, { at }) => {
		const [first, ...others] = op.terms.map(at);
		if (first === undefined || first.size !== 2 || op.terms.length !== op.weights.length)
			return 'terms without weights';
		if (others.some((other) => like(other, first) !== undefined)) return 'terms of other levels, scales or sizes';
		if (op.scale < first.scale) return `weights of scale ${op.scale / first.scale}`;
		return like(op, { ...first, scale: op.scale });
	},
	relinearize: (op, { at }) => (at(op.a).size === 3 ? like(op, { ...at(op.a), size: 2 }) : 'nothing to relinearise'),
	rescale: (op, { at, circuit }) => {
		const a = at(op.a);
		const prime = circuit.parameters.primes[a.level] ?? Number.NaN;
		return like(op, { ...a, level: a.level - 1, scale: a.scale / prime });
	},
	modSwitch: (op, { at }) =>
		op.level < at(op.a).level ? like(op, { ...at(op.a), level: op.level }) : 'not to a lower level',
};

/**
 * Throws InternalError unless every value obeys the table at the head of circuit.ts, outputs are of size 2, and parts of one
 * input, or of one output, have the same level and scale.
 */
export const verify = (circuit: CkksCircuit): void => {
	const { ops, parameters, outputs } = circuit;
	const at = (id: number): Op => ops[id] as Op;
	ops.forEach((op, id) => {
		const fail = (message: string): never => {
			throw new InternalError('ckks circuit', `%${id} = ${op.kind}: ${message}`);
		};
		if (!operandsOf(op).every((operand) => operand >= 0 && operand < id)) fail('reads a value not yet computed');
		if (op.level < 0 || op.level >= parameters.primes.length) fail(`level ${op.level} does not exist`);
		if (!(Number.isFinite(op.scale) && op.scale >= 1)) fail(`scale ${op.scale}`);
		const rule = rules[op.kind] as (op: Op, context: Context) => string | undefined;
		const message = rule(op, { at, circuit });
		if (message !== undefined) fail(message);
	});
	for (const { name, parts } of outputs)
		for (const id of parts)
			if (ops[id]?.size !== 2) throw new InternalError('ckks circuit', `output ${name} is not a value of size 2`);
	for (const { name, parts } of [...inputsOf(ops), ...outputs])
		if (parts.some((id) => !isAlike(at(id), at(parts[0] as number))))
			throw new InternalError('ckks circuit', `parts of ${name} differ in level or scale`);
};

const isAlike = (a: Op, b: Op): boolean => a.level === b.level && sameScale(a.scale, b.scale);

const inputsOf = (ops: readonly Op[]): CkksCircuit['outputs'] => {
	const parts = new Map<string, number[]>();
	ops.forEach((op, id) => {
		if (op.kind === 'input') remembered(parts, op.name, () => [] as number[]).push(id);
	});
	return [...parts].map(([name, ids]) => ({ name, parts: ids }));
};
