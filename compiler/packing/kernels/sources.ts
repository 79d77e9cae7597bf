import { InternalError } from '../../errors.ts';
import { type Layout, periodOf } from '../layout.ts';

/**
 * Where the elements of the operands of a linear map are, within one period: all operands repeat with `period`, so an element
 * in slot s is also in s + period, s + 2 period .. Ciphertexts are counted over all operands, in order.
 */
export type Sources = {
	readonly slots: number;
	readonly period: number;
	/** Number of ciphertexts. */
	readonly count: number;
	/** By operand and element: places start[e] <= k < start[e + 1]. */
	readonly places: readonly Places[];
	/** By ciphertext, the elements that are in its slots. */
	readonly elementAt: readonly Int32Array[];
};

/** Place k is slot slot[k] of ciphertext source[k]. */
export type Places = { readonly start: Int32Array; readonly source: Int32Array; readonly slot: Int32Array };

/** Cost: one look at each slot of a period. `sizes` are the elements of each operand. */
export const sourcesOf = (layouts: readonly Layout[], sizes: readonly number[]): Sources => {
	const [layout] = layouts;
	if (layout === undefined) throw new InternalError('packing', 'a map without operands');
	const period = Math.max(...layouts.map(periodOf));
	let count = 0;
	const places = layouts.map(({ parts }, term) => {
		const found = placesOf(parts, count, sizes[term] as number, period);
		count += parts.length;
		return found;
	});
	return { slots: layout.slots, period, count, places, elementAt: layouts.flatMap(({ parts }) => parts) };
};

const placesOf = (parts: readonly Int32Array[], first: number, size: number, period: number): Places => {
	const start = new Int32Array(size + 1);
	for (const part of parts)
		for (let s = 0; s < period; s++) {
			const element = part[s] as number;
			if (element >= 0) start[element + 1] = (start[element + 1] as number) + 1;
		}
	for (let e = 0; e < size; e++) start[e + 1] = (start[e + 1] as number) + (start[e] as number);
	const next = start.slice();
	const total = start[size] as number;
	const [source, slot] = [new Int32Array(total), new Int32Array(total)];
	parts.forEach((part, p) => {
		for (let s = 0; s < period; s++) {
			const element = part[s] as number;
			if (element < 0) continue;
			const k = next[element] as number;
			next[element] = k + 1;
			source[k] = first + p;
			slot[k] = s;
		}
	});
	return { start, source, slot };
};
