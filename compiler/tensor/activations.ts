import {
	clip,
	elu,
	erf,
	gelu,
	geluTanh,
	hardSwish,
	leakyRelu,
	mish,
	relu,
	sigmoid,
	silu,
	softplus,
	softsign,
	thresholdedRelu,
} from '../numeric/functions.ts';
import type { Activation, Node } from './graph.ts';

/** The activations without their place in a graph. */
type Applied = Pick<Node<'activation'>, 'fn' | 'parameters'>;

type Definition = {
	readonly of: (x: number, first: number, second: number) => number;
	/** Points in ]low, high[ at which the function may be smallest or largest; none when it is monotone. */
	readonly turns?: (low: number, high: number, first: number) => readonly number[];
	/** Does it never fall, given its first parameter? */
	readonly rises?: (first: number) => boolean;
	/** Where the function is defined and has a derivative to follow: above 0, from 0 on, or on either side of 0. */
	readonly domain?: 'above' | 'from' | 'beside';
};

const always = (): boolean => true;
const unlessNegative = (first: number): boolean => first >= 0;

const at =
	(...points: readonly number[]) =>
	(): readonly number[] =>
		points;

/** The first maximum and minimum after `low` of a wave whose turns are at (k + phase) pi. */
const waves =
	(phase: number) =>
	(low: number): readonly number[] => {
		const k = Math.floor(low / Math.PI - phase) + 1;
		return [(k + phase) * Math.PI, (k + 1 + phase) * Math.PI];
	};

const definitions: Readonly<Record<Activation, Definition>> = {
	relu: { of: relu, rises: always },
	sigmoid: { of: sigmoid, rises: always },
	tanh: { of: Math.tanh, rises: always },
	silu: { of: silu, turns: at(-1.278464543) },
	gelu: { of: gelu, turns: at(-0.751791525) },
	geluTanh: { of: geluTanh, turns: at(-0.752461422) },
	leakyRelu: { of: leakyRelu, turns: at(0), rises: unlessNegative },
	elu: { of: elu, turns: at(0), rises: unlessNegative },
	softplus: { of: softplus, rises: always },
	softsign: { of: softsign, rises: always },
	mish: { of: mish, turns: at(-1.192430849) },
	hardSwish: { of: hardSwish, turns: at(-1.5) },
	clip: { of: clip, rises: always },
	// Just above a negative threshold it is smallest.
	thresholdedRelu: { of: thresholdedRelu, turns: (_, __, alpha) => [alpha + 1e-9 * Math.abs(alpha)] },
	abs: { of: Math.abs, turns: at(0) },
	erf: { of: erf, rises: always },
	exp: { of: Math.exp, rises: always },
	log: { of: Math.log, domain: 'above' },
	sqrt: { of: Math.sqrt, domain: 'from' },
	reciprocal: { of: (x) => 1 / x, domain: 'beside' },
	power: { of: (x, exponent) => x ** exponent, domain: 'above' },
	sin: { of: Math.sin, turns: waves(0.5) },
	cos: { of: Math.cos, turns: waves(0) },
	atan: { of: Math.atan, rises: always },
	asinh: { of: Math.asinh, rises: always },
	sinh: { of: Math.sinh, rises: always },
	cosh: { of: Math.cosh, turns: at(0) },
};

/** The scalar function of an activation. */
export const functionOf = ({ fn, parameters: [first = 0, second = 0] = [] }: Applied): ((x: number) => number) => {
	const { of } = definitions[fn];
	return (x) => of(x, first, second);
};

/** Points between which the function is monotone on an interval, as far as they matter for its range there. */
export const turnsOf = ({ fn, parameters: [first = 0] = [] }: Applied, low: number, high: number): readonly number[] =>
	definitions[fn].turns?.(low, high, first).filter((x) => x > low && x < high) ?? [];

/** Is f(x) <= f(y) for all x <= y, as far as the table knows? */
export const isNonDecreasing = ({ fn, parameters: [first = 0] = [] }: Applied): boolean =>
	definitions[fn].rises?.(first) ?? false;

/** Where the function can be approximated; undefined when that is everywhere. */
export const domainOf = (fn: Activation): Definition['domain'] => definitions[fn].domain;

/** The name, with its parameters if it has any: leakyRelu(0.01). */
export const nameOf = ({ fn, parameters = [] }: Applied): string =>
	parameters.length === 0 ? fn : `${fn}(${parameters.map((v) => Number(v.toPrecision(6))).join(', ')})`;

/**
 * Is the function one that stands for a division: large where its operand is near 0? Its errors count relative to its
 * value then, by which they throw off what it is multiplied with.
 */
export const isDivisor = ({ fn, parameters: [first = 0] = [] }: Applied): boolean =>
	fn === 'reciprocal' || (fn === 'power' && first < 0);
