import type { Issue } from '../../errors.ts';
import { domainOf, functionOf } from '../activations.ts';
import type { Activation, Node } from '../graph.ts';
import type { Interval } from '../ranges.ts';

/** Where one activation is fitted. */
export type Frame = { readonly center: number; readonly radius: number };

/** The interval of a fit is wider than what was seen by this part of its width on both sides. */
export const MARGIN = 0.1;
/** On the side of a singularity at 0, the interval keeps this part of the distance to it. */
const KEPT_DISTANCE = 0.75;
/** Values nearer to a singularity than this part of the largest one count as touching it. */
const NEAREST = 1e-6;

/**
 * Center and radius of the interval `seen` with its margin; never so narrow that normalising it would need a huge factor.
 * A function that ends at 0, or has a pole there, is fitted on the side on which the exact model's values (`exact`) lie.
 */
export const frame = (fn: Activation, exact: Interval, seen: Interval, margin: number): Frame => {
	const domain = domainOf(fn);
	if (domain !== undefined) return oneSided(exact, seen, margin, domain === 'from');
	const [low, high] = seen;
	const center = (low + high) / 2;
	return { center, radius: Math.max((high - low) * (0.5 + margin), leastRadius(center)) };
};

const leastRadius = (center: number): number => 0.01 * Math.max(1, Math.abs(center));

const oneSided = (exact: Interval, seen: Interval, margin: number, closed: boolean): Frame => {
	const sign = exact[0] < 0 ? -1 : 1;
	const mirrored = ([low, high]: Interval): Interval => (sign < 0 ? [-high, -low] : [low, high]);
	const [nearest] = mirrored(exact);
	const [low, high] = mirrored(seen);
	const room = Math.max(margin * (high - low), leastRadius(high) - (high - low) / 2);
	const kept = margin === 0 ? nearest : KEPT_DISTANCE * nearest;
	const touching = nearest < NEAREST * high;
	const from = touching && closed ? 0 : Math.max(low - room, kept, touching ? NEAREST ** 1.5 * high : 0);
	const to = high + room;
	return { center: (sign * (from + to)) / 2, radius: (to - from) / 2 };
};

/** The ONNX operator: log is Log. */
const operatorOf = (fn: Activation): string => (fn === 'power' ? 'Pow' : `${fn[0]?.toUpperCase()}${fn.slice(1)}`);

const REQUIRED = { above: 'above 0', from: 'not below 0', beside: 'all above or all below 0' };

/** None when the activation is defined on its operand's values, with room to its singularity; else the reason. */
export const domainIssue = (
	node: Node<'activation'>,
	[low, high]: Interval,
	source: 'calibration' | 'propagated',
): readonly Issue[] => {
	const { fn, origin } = node;
	const domain = domainOf(fn);
	const overflown = overflow(node, [low, high]);
	if (domain === undefined || overflown.length > 0) return overflown;
	const least = NEAREST * Math.max(Math.abs(low), Math.abs(high));
	const inside = domain === 'from' ? low >= 0 : low > least || (domain === 'beside' && high < -least);
	if (inside) return [];
	const range = `[${Number(low.toPrecision(4))}, ${Number(high.toPrecision(4))}]`;
	const seen = source === 'calibration' ? 'the calibration data reach' : 'interval arithmetic gives';
	const op = operatorOf(fn);
	const remedy = 'keep the values away from 0 in the model (Clip, or add a constant, before this node)';
	return [
		{
			code: 'range',
			message: `${origin}: ${op} is approximated only where what it reads is ${REQUIRED[domain]}, but ${seen} ${range}.`,
			hint:
				source === 'calibration'
					? `Leave samples out that reach so far, or ${remedy}.`
					: `Give calibration data, whose ranges are narrower, or ${remedy}.`,
			node: origin,
			op,
		},
	];
};

/** The reason why a divisor is not approximated on an interval that interval arithmetic gives. */
export const tooWide = ({ fn, origin }: Node<'activation'>, [low, high]: Interval): Issue => ({
	code: 'range',
	message: `${origin}: interval arithmetic gives values from ${Number(low.toPrecision(4))} to ${Number(high.toPrecision(4))} to divide by, which no polynomial does.`,
	hint: 'Give calibration data: their ranges are narrower.',
	node: origin,
	op: operatorOf(fn),
});

/** The reason why an interval with its margin overflows, or the function there (exp and its like); else none. */
const overflow = (node: Node<'activation'>, [low, high]: Interval): readonly Issue[] => {
	const room = MARGIN * (high - low);
	const bounded = [low - room, high + room].every(Number.isFinite) && Number.isFinite(low + high);
	// At a singularity the value is infinite, and beyond it none: that has a reason of its own.
	const ends = domainOf(node.fn) === undefined ? [low - room, high + room] : [];
	if (bounded && ends.every((x) => Number.isFinite(functionOf(node)(x)))) return [];
	const reached = `${Number(low.toPrecision(4))} to ${Number(high.toPrecision(4))}`;
	return [
		{
			code: 'range',
			message: `${node.origin}: ${operatorOf(node.fn)} of values from ${reached} has no finite polynomial.`,
			hint: 'Give calibration data of the size of real inputs, or limit the values in the model (Clip) before this node.',
			node: node.origin,
			op: operatorOf(node.fn),
		},
	];
};
