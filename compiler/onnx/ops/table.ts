import type { Run } from '../call.ts';
import { OPSETS } from '../decode.ts';

/** One meaning of an operator: from operator set `since` on, until another version of it begins. */
export type Version = { readonly since: number; readonly run: Run };

/** What becomes of an operator: computed exactly, by a fitted polynomial, by the client, or while importing. */
export type How = 'exact' | 'approximate' | 'client' | 'constant';

/** What an operator costs that says nothing else, by what becomes of it. */
export const COSTS: Readonly<Record<How, string>> = {
	exact: 'linear: 1 level at most, shared with its neighbours',
	approximate: 'degree d: ceil(log2(d + 1)) levels, 1 for d = 2',
	client: 'nothing on the server',
	constant: 'nothing, done while compiling',
};
/** The cost of what only gives elements another shape. */
export const NO_COST = 'nothing';
/** The cost of what is linear in each of two operands. */
export const PRODUCT_COST = 'linear with a constant operand; 1 level for products of two encrypted ones';

/** A line of the table of operators; the cost where it is another than that of its kind. */
export type Operator = {
	readonly op: string;
	readonly how: How;
	readonly cost?: string;
	readonly note: string;
	readonly versions: readonly Version[];
	/** The last operator set that has it. */
	readonly until?: number;
};

/** One meaning in every operator set. */
export const always = (run: Run): readonly Version[] => [{ since: OPSETS.min, run }];

export const since = (...versions: readonly (readonly [since: number, run: Run])[]): readonly Version[] =>
	versions.map(([since, run]) => ({ since, run }));
