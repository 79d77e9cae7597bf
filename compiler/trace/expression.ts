import type { Value } from '../onnx/value.ts';
import type { Shape } from '../tensor/graph.ts';
import type { Tracer } from './tracer.ts';

/** Numbers written as nested lists, rows outermost: [[1, 2], [3, 4]] is a matrix. */
export type Nested = number | readonly Nested[];

/** A constant of any shape; data are row-major. */
export type Constant<S extends Shape = Shape> = { readonly shape: S; readonly data: ArrayLike<number> };

/** What operations take: what was traced before, or numbers. */
export type Operand = Expression | Nested | Float64Array | Float32Array | Constant;

/**
 * A tensor of the program that is being traced: it has a shape and no values yet. Shapes are known to the type checker as
 * far as operations keep them: Expression<readonly [8]>.
 */
export class Expression<S extends Shape = Shape> {
	readonly shape: S;
	/** What the recorded model calls it. */
	readonly name: string;
	/** What it is while the model is imported: for shapes, and for what cannot be compiled. */
	readonly value: Value;
	readonly tracer: Tracer;

	constructor(tracer: Tracer, name: string, value: Value, shape: S) {
		this.tracer = tracer;
		this.name = name;
		this.value = value;
		this.shape = shape;
	}
}

/** The shape of nested lists and their numbers, row-major; undefined when rows differ in length, or hold no numbers. */
export const flattened = (nested: Nested): Constant | undefined => {
	const shape: number[] = [];
	for (let at: Nested | undefined = nested; typeof at === 'object'; at = at[0]) shape.push(at.length);
	const data: number[] = [];
	const fits = (part: Nested, axis: number): boolean => {
		if (axis < shape.length)
			return typeof part === 'object' && part.length === shape[axis] && part.every((one) => fits(one, axis + 1));
		if (typeof part !== 'number') return false;
		data.push(part);
		return true;
	};
	return fits(nested, 0) ? { shape, data } : undefined;
};
