import type { CkksParameters } from '../../runtime/plan.ts';
import type { Id as SlotId } from '../slots/circuit.ts';

/**
 * The CKKS circuit: the slot circuit with everything CKKS needs made explicit. Every value has a level (index of its last
 * prime), an exact scale, a size (2, or 3 between a product and its relinearisation) and the slot value it carries: of a
 * combination whose terms have several scales, sums of those with one scale carry parts, which are added up.
 *
 * | kind          | level     | scale                 | size | demands                                       |
 * |---------------|-----------|-----------------------|------|-----------------------------------------------|
 * | input         | any       | any                   | 2    |                                               |
 * | rotate        | of a      | of a                  | 2    | a of size 2                                   |
 * | add, subtract | of both   | of both               | max  | equal levels and scales                       |
 * | negate        | of a      | of a                  | of a |                                               |
 * | addPlain      | of a      | of a                  | of a | the constant has a's level and scale          |
 * | multiplyPlain | of a      | a's times constant's  | of a | the constant has a's level                    |
 * | multiply      | of both   | a's times b's         | 3    | equal levels, both of size 2                  |
 * | combine       | of terms  | terms' times weights' | 2    | terms of size 2, equal levels and scales      |
 * | relinearize   | of a      | of a                  | 2    | a of size 3                                   |
 * | rescale       | a's - 1   | a's / primes[a's]     | of a | a's level > 0                                 |
 * | modSwitch     | below a's | of a                  | of a |                                               |
 */
export type Id = number;

export type Fields = {
	input: { readonly name: string; readonly part: number };
	rotate: { readonly a: Id; readonly steps: number };
	add: { readonly a: Id; readonly b: Id };
	subtract: { readonly a: Id; readonly b: Id };
	negate: { readonly a: Id };
	addPlain: { readonly a: Id; readonly constant: number };
	multiplyPlain: { readonly a: Id; readonly constant: number };
	multiply: { readonly a: Id; readonly b: Id };
	/** sum_k weights[k] * terms[k], the weights encoded at the scale that makes up the result's. */
	combine: { readonly terms: readonly Id[]; readonly weights: Float64Array };
	relinearize: { readonly a: Id };
	rescale: { readonly a: Id };
	modSwitch: { readonly a: Id };
};
export type Kind = keyof Fields;

export type ValueType = { readonly level: number; readonly scale: number; readonly size: 2 | 3 };
export type Op<K extends Kind = Kind> = {
	[P in K]: { readonly kind: P; readonly slot: SlotId; readonly origin: string } & ValueType & Fields[P];
}[K];

/** Plaintext `plain` of `plains`, encoded at a level and an exact scale; 'ones' is the vector of ones. */
export type Constant = { readonly plain: number | 'ones'; readonly level: number; readonly scale: number };

export type CkksCircuit = {
	/** Virtual slots; rotation steps and plaintexts are in these. */
	readonly slots: number;
	readonly parameters: CkksParameters;
	readonly plains: readonly Float64Array[];
	readonly constants: readonly Constant[];
	readonly ops: readonly Op[];
	readonly outputs: readonly { readonly name: string; readonly parts: readonly Id[] }[];
};

/** Products with plaintexts that an operation does. */
export const plainProductsOf = (op: Op): number => {
	if (op.kind === 'combine') return op.terms.length;
	return op.kind === 'multiplyPlain' ? 1 : 0;
};

/** Is a constant encoded for it, or taken from those that were? */
export const readsConstant = ({ kind }: Op): boolean => kind === 'addPlain' || kind === 'multiplyPlain';

/** The values of a constant, v slots. */
export const plainOf = (
	circuit: Pick<CkksCircuit, 'slots' | 'plains'>,
	{ plain }: Pick<Constant, 'plain'>,
): Float64Array =>
	plain === 'ones' ? new Float64Array(circuit.slots).fill(1) : (circuit.plains[plain] as Float64Array);

/** Are two scales equal up to the rounding of a few float64 operations? SEAL adds values only when they are. */
export const sameScale = (a: number, b: number): boolean => Math.abs(a - b) <= 2 ** -40 * Math.max(a, b);
