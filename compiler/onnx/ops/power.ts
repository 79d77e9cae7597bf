import { type Shape, sizeOf } from '../../tensor/graph.ts';
import { selectionMatrix } from '../../tensor/maps/selection.ts';
import { activated, broadcast, commonShape, computed, inverse, power, product } from '../algebra.ts';
import { attributesOf, operand, type Run } from '../call.ts';
import {
	affineOf,
	type Constant,
	constant,
	type Encrypted,
	malformed,
	moved,
	type Site,
	unsupported,
	type Value,
} from '../value.ts';
import { explicitBroadcast } from './arithmetic.ts';
import { type Operator, since } from './table.ts';

const MAX_EXPONENT = 16;
const MAX_DISTINCT = 64;
const TO_FLOAT = 'Cast the base to float first.';

/**
 * y = x ^ n for one exponent: products for an integer from 0 to 16, 1 / x for -1, a square root for 1/2, and another
 * fitted function of positive values for the rest.
 */
const raised = (site: Site, x: Encrypted, n: number): Value => {
	if (n === 0) return constant(x.shape, new Float64Array(sizeOf(x.shape)).fill(1), x.type);
	if (Number.isInteger(n) && n > 0) {
		return n <= MAX_EXPONENT
			? power(site, x, n)
			: unsupported(
					`Pow raises an encrypted value to ${n}.`,
					`Integer exponents up to ${MAX_EXPONENT} can be compiled.`,
				);
	}
	if (!Number.isFinite(n)) return malformed(`Pow has the exponent ${n}.`);
	if (x.type !== 'float') return unsupported(`Pow raises encrypted integers to ${n}, which is rounded.`, TO_FLOAT);
	if (n === -1) return inverse(site, x);
	return n === 0.5 ? activated(site, x, 'sqrt') : activated(site, x, 'power', [n]);
};

/** y[i] = x[i] ^ n[i]: the elements of each exponent are taken together, raised and put back. */
const raisedEach = (site: Site, x: Encrypted, exponents: Constant, shape: Shape): Value => {
	const base = broadcast(site, x, shape);
	const { data } = broadcast(site, exponents, shape);
	const distinct = [...new Set(data)];
	if (distinct.length === 1) return raised(site, base, distinct[0] as number);
	if (distinct.length > MAX_DISTINCT)
		return unsupported(
			`Pow raises one tensor to ${distinct.length} different exponents.`,
			`At most ${MAX_DISTINCT} different ones are compiled: split the tensor.`,
		);
	const terms = distinct.map((n) => {
		const places = Int32Array.from(data.keys()).filter((i) => data[i] === n);
		const from = new Int32Array(data.length).fill(-1);
		for (const [i, place] of places.entries()) from[place] = i;
		const value = raised(site, moved(site, base, places, [places.length]) as Encrypted, n);
		return { value, matrix: selectionMatrix(from, places.length) };
	});
	return { ...affineOf(site, terms, new Float64Array(data.length), shape), type: x.type };
};

/** y = c ^ x = exp(x ln c) for a constant base above 0. */
const exponential = (site: Site, base: Constant, x: Encrypted): Value => {
	if (base.type !== 'float') return unsupported('Pow raises integers to an encrypted value.', TO_FLOAT);
	if (!base.data.every((c) => c > 0 && c < Number.POSITIVE_INFINITY))
		return unsupported(
			'Pow raises a constant that is not above 0 to an encrypted value.',
			'Use bases above 0: c ^ x is computed as exp(x ln c).',
		);
	return activated(site, product(site, x, { ...base, data: base.data.map(Math.log) }), 'exp');
};

/** y = x ^ n with broadcasting; of two encrypted values exp(n ln x), which needs x above 0. Powers of integers are truncated. */
const Pow: Run = (call) => {
	attributesOf(call, {});
	const x = operand(call, 0);
	const n = operand(call, 1);
	const truncated = (base: number, exponent: number) => Math.trunc(base ** exponent);
	if (n.kind === 'constant') {
		if (x.kind === 'constant') return computed(x, n, x.type === 'float' ? (a, b) => a ** b : truncated);
		return raisedEach(call, x, n, commonShape(x, n));
	}
	if (x.kind === 'constant') return exponential(call, x, n);
	if (x.type !== 'float') return unsupported('Pow raises encrypted integers to an encrypted value.', TO_FLOAT);
	return activated(call, product(call, activated(call, x, 'log'), n), 'exp');
};

/** Powers. */
export const POWERS: readonly Operator[] = [
	{
		op: 'Pow',
		how: 'exact',
		cost: 'ceil(log2 n) levels for an integer n up to 16, else an activation',
		note: 'other exponents and encrypted ones: fitted polynomials on positive values',
		versions: since([6, explicitBroadcast(Pow)], [7, Pow]),
	},
];
