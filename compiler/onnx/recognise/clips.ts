import type { OpNode } from '../call.ts';
import { floatOf, type Model, own, producerOf, type Recogniser, standard } from './form.ts';

/** y = min(max(x, low), high); infinite where there is no bound. */
export type Bounded = { readonly x: string; readonly low: number; readonly high: number };

/** The node as one pair of bounds: Relu, Clip, or Max and Min with a number. */
const boundsOf = (model: Model, node: OpNode): Bounded | undefined => {
	const { op, inputs } = node;
	const [x = '', second = '', third = ''] = inputs;
	const none = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
	if (op === 'Relu') return { x, ...none, low: 0 };
	if (op === 'Clip') {
		const bound = (name: string, attribute: string, absent: number): number | undefined =>
			name === '' ? floatOf(node, attribute, absent) : model.number(name);
		const low = bound(second, 'min', none.low);
		const high = bound(third, 'max', none.high);
		return low === undefined || high === undefined || !(low <= high) ? undefined : { x, low, high };
	}
	const number = model.number(second) ?? model.number(x);
	if ((op !== 'Max' && op !== 'Min') || inputs.length !== 2 || number === undefined || Number.isNaN(number))
		return undefined;
	const other = model.number(second) === undefined ? second : x;
	return { x: other, ...none, ...(op === 'Max' ? { low: number } : { high: number }) };
};

const clamp = (value: number, { low, high }: Bounded): number => Math.min(Math.max(value, low), high);

const MAX_NODES = 8;

/** `name` as one pair of bounds on the operand of the innermost of such nodes after each other. */
export const bounded = (model: Model, name: string): Bounded | undefined => {
	let found: Bounded | undefined;
	for (let count = 0; count < MAX_NODES; count++) {
		const node = producerOf(model, found?.x ?? name, 'Relu', 'Clip', 'Max', 'Min');
		const inner = node && boundsOf(model, node);
		if (inner === undefined) break;
		found = found === undefined ? inner : { x: inner.x, low: clamp(inner.low, found), high: clamp(inner.high, found) };
	}
	return found;
};

/** Min(Relu(x), 6) and the like: a number as a bound, and several bounds after each other, are one Clip. */
export const recogniseClip: Recogniser = (model, node) => {
	const found = bounded(model, node.outputs[0] ?? '');
	const isOne = node.inputs.includes(found?.x ?? '');
	if (found === undefined || (isOne && (node.op === 'Relu' || node.op === 'Clip'))) return undefined;
	const { x, low, high } = found;
	if (low === 0 && high === Number.POSITIVE_INFINITY) return standard('Relu', x);
	return own('Clip', x, {
		...(low === Number.NEGATIVE_INFINITY ? {} : { min: low }),
		...(high === Number.POSITIVE_INFINITY ? {} : { max: high }),
	});
};
