import type { OpNode } from '../call.ts';
import { bounded } from './clips.ts';
import {
	affineForms,
	floatOf,
	isAbout,
	isNearly,
	isPolynomial,
	type Model,
	multiples,
	operandsOf,
	own,
	polynomialIn,
	producerOf,
	type Recogniser,
	type Replacement,
} from './form.ts';

/** A product read as y = x * (scale * gate + shift), the gate a node that is a function of x. */
type Gated = { readonly x: string; readonly gate: OpNode; readonly scale: number; readonly shift: number };

const GATES = ['Sigmoid', 'Tanh', 'Erf', 'HardSigmoid', 'Clip', 'Relu', 'Min', 'Max'];

/** The ways to read `name` as a gated x: numbers may stand anywhere among the factors. */
const readings = (model: Model, name: string): readonly Gated[] =>
	multiples(model, name).flatMap((outer) => {
		const [a, b] = operandsOf(model, outer.x, 'Mul') ?? [];
		if (a === undefined || b === undefined) return [];
		return [[a, b] as const, [b, a] as const].flatMap(([factor, other]) =>
			affineForms(model, other).flatMap((inner) => {
				const gate = producerOf(model, inner.x, ...GATES);
				if (gate === undefined) return [];
				return multiples(model, factor).map(({ x, scale }) => ({
					x,
					gate,
					scale: outer.scale * scale * inner.scale,
					shift: outer.scale * scale * inner.shift,
				}));
			}),
		);
	});

const TANH_SLOPE = Math.sqrt(2 / Math.PI);

/** The function that x times its gate is. */
const functionOf = (model: Model, { x, gate, scale, shift }: Gated): Replacement | undefined => {
	const [argument = ''] = gate.inputs;
	const isWhole = isNearly(scale, 1) && shift === 0;
	const isHalf = isNearly(scale, 0.5) && isNearly(shift, 0.5);
	const polynomial = polynomialIn(model, argument, x);
	const [constant = 0, slope = 0, ...higher] = polynomial ?? [];
	const isMultiple = constant === 0 && slope !== 0 && higher.every((coefficient) => coefficient === 0);
	const swish = (alpha: number) => own('Swish', x, { alpha });
	if (gate.op === 'Sigmoid') return isWhole && isMultiple ? swish(slope) : undefined;
	if (gate.op === 'Erf') return isHalf && isPolynomial(polynomial, [0, Math.SQRT1_2]) ? own('Gelu', x) : undefined;
	if (gate.op === 'Tanh') {
		if (isWhole && operandsOf(model, argument, 'Softplus')?.[0] === x) return own('Mish', x);
		if (!isHalf) return undefined;
		if (isMultiple) return swish(2 * slope);
		return isPolynomial(polynomial, [0, TANH_SLOPE, 0, 0.044715 * TANH_SLOPE]) ? own('GeluTanh', x) : undefined;
	}
	// What remains is a clipped line: hard swish is the one from 0 to 1 with slope 1/6 through 1/2.
	const line = gate.op === 'HardSigmoid' ? hardLine(gate) : clippedLine(model, gate);
	if (line === undefined || shift !== 0) return undefined;
	const ends = isAbout(scale * line.low, 0) && isAbout(scale * line.high, 1);
	const inside = polynomialIn(model, line.of, x);
	if (inside === undefined || inside.length > 2 || !ends) return undefined;
	const middle = scale * (line.shift + line.scale * (inside[0] ?? 0));
	const rise = scale * line.scale * (inside[1] ?? 0);
	return isAbout(middle, 0.5) && isAbout(rise, 1 / 6) ? own('HardSwish', x) : undefined;
};

/** min(max(scale * of + shift, low), high) */
type Line = {
	readonly of: string;
	readonly scale: number;
	readonly shift: number;
	readonly low: number;
	readonly high: number;
};

const hardLine = (gate: OpNode): Line => ({
	of: gate.inputs[0] ?? '',
	scale: floatOf(gate, 'alpha', 0.2),
	shift: floatOf(gate, 'beta', 0.5),
	low: 0,
	high: 1,
});

const clippedLine = (model: Model, gate: OpNode): Line | undefined => {
	const found = bounded(model, gate.outputs[0] ?? '');
	return found && { of: found.x, scale: 1, shift: 0, low: found.low, high: found.high };
};

/**
 * x times a function of x, the factors and numbers in any order:
 *
 *     x * Sigmoid(k x), x * (1 + Tanh(k x / 2)) / 2              = Swish(x), SiLU for k = 1
 *     x * Tanh(Softplus(x))                                      = Mish(x)
 *     x * HardSigmoid(x), x * Clip(x + 3, 0, 6) / 6              = HardSwish(x)
 *     x * (1 + Erf(x / sqrt 2)) / 2                              = Gelu(x)
 *     x * (1 + Tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2        = GeluTanh(x)
 */
export const recogniseGate: Recogniser = (model, node) => {
	for (const reading of readings(model, node.outputs[0] ?? '')) {
		const found = functionOf(model, reading);
		if (found !== undefined) return found;
	}
	return undefined;
};
