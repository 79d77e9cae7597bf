import * as fc from 'fast-check';
import { type NodeSpec, node, type TensorSpec } from '../support/onnx.ts';
import { floats, model } from './models.ts';

/** A small network drawn at random. */
export type RandomModel = {
	/** What it is made of, for the message of a failing run. */
	readonly text: string;
	readonly bytes: Uint8Array;
	readonly sizes: Readonly<Record<string, number>>;
};

type Value = { readonly name: string; readonly rows: number; readonly columns: number; readonly degree: number };

/** Products multiply degrees: beyond this the largest ring degree no longer holds the circuit. */
const MOST_DEGREE = 8;
const SIZES = [1, 2, 3, 5, 8, 13];

class Sketch {
	readonly nodes: NodeSpec[] = [];
	readonly constants: Record<string, TensorSpec> = {};
	readonly values: Value[];
	readonly lines: string[] = [];
	readonly #next: (bound: number) => number;

	constructor(inputs: readonly Value[], next: (bound: number) => number) {
		this.values = [...inputs];
		this.#next = next;
	}

	/** Appends one layer on a value chosen at random; says nothing when the choice fits none. */
	step(): void {
		const a = this.#any(this.values);
		const fresh = `v${this.values.length}`;
		const record = (rows: number, columns: number, degree: number, text: string): void => {
			this.values.push({ name: fresh, rows, columns, degree });
			this.lines.push(`${fresh} [${rows}, ${columns}] = ${text}`);
		};
		const constant = (shape: readonly number[], bound = 0.7): string => {
			const name = `c${Object.keys(this.constants).length}`;
			this.constants[name] = floats(shape, this.#next(1000), bound);
			return name;
		};
		const alike = this.values.filter(({ rows, columns }) => rows === a.rows && columns === a.columns);
		const b = this.#any(alike);
		switch (this.#next(9)) {
			case 0:
			case 1: {
				const columns = SIZES[this.#next(SIZES.length)] as number;
				this.nodes.push(node('MatMul', [a.name, constant([a.columns, columns])], [fresh]));
				record(a.rows, columns, a.degree, `${a.name} C`);
				break;
			}
			case 2: {
				const rows = SIZES[this.#next(SIZES.length)] as number;
				this.nodes.push(node('MatMul', [constant([rows, a.rows]), a.name], [fresh]));
				record(rows, a.columns, a.degree, `C ${a.name}`);
				break;
			}
			case 3:
			case 4: {
				if (a.degree + b.degree > MOST_DEGREE) break;
				this.nodes.push(node('Mul', [a.name, b.name], [fresh]));
				record(a.rows, a.columns, a.degree + b.degree, `${a.name} ${b.name}`);
				break;
			}
			case 5:
				this.nodes.push(node('Add', [a.name, b.name], [fresh]));
				record(a.rows, a.columns, Math.max(a.degree, b.degree), `${a.name} + ${b.name}`);
				break;
			case 6: {
				const minuend = constant([a.columns]);
				this.nodes.push(node('Sub', [minuend, a.name], [fresh]));
				record(a.rows, a.columns, a.degree, `c - ${a.name}`);
				break;
			}
			case 7:
				this.nodes.push(node('Transpose', [a.name], [fresh], { attributes: { perm: [1, 0] } }));
				record(a.columns, a.rows, a.degree, `${a.name}'`);
				break;
			case 8: {
				if (a.degree * 3 > MOST_DEGREE) break;
				const kind = ['Tanh', 'Sigmoid', 'Relu'][this.#next(3)] as string;
				this.nodes.push(node(kind, [a.name], [fresh]));
				record(a.rows, a.columns, a.degree * 3, `${kind} ${a.name}`);
			}
		}
	}

	/** The last value that was computed, and sometimes another one. */
	outputs(inputs: number): readonly string[] {
		const computed = this.values.slice(inputs);
		const last = computed.at(-1);
		if (last === undefined) return [];
		const other = this.#any(computed);
		return other === last || this.#next(2) === 0 ? [last.name] : [last.name, other.name];
	}

	#any(values: readonly Value[]): Value {
		return values[this.#next(values.length)] as Value;
	}
}

/** Affine layers, products, sums and activations (to be compiled at degree 2 or 3) on one or two inputs. */
export const randomModel = (): fc.Arbitrary<RandomModel | undefined> =>
	fc.array(fc.nat(9973), { minLength: 12, maxLength: 60 }).map((numbers) => {
		let position = 0;
		const next = (bound: number): number => ((numbers[position++ % numbers.length] as number) + position) % bound;
		const inputs = ['x', 'z'].slice(0, 1 + next(2)).map((name) => ({
			name,
			rows: 1 + next(3),
			columns: SIZES[next(SIZES.length)] as number,
			degree: 1,
		}));
		const sketch = new Sketch(inputs, next);
		const steps = 3 + next(6);
		for (let step = 0; step < steps; step++) sketch.step();
		const outputs = sketch.outputs(inputs.length);
		// An input that no output needs is none of the compiled model.
		const used = new Set(outputs);
		for (const spec of sketch.nodes.toReversed())
			if (spec.outputs.some((name) => used.has(name))) for (const name of spec.inputs) used.add(name);
		if (outputs.length === 0 || inputs.some(({ name }) => !used.has(name))) return undefined;
		const shapes = Object.fromEntries(inputs.map(({ name, rows, columns }) => [name, [rows, columns]]));
		return {
			text: `${JSON.stringify(shapes)}; ${sketch.lines.join('; ')}; outputs ${outputs.join(', ')}`,
			bytes: model(sketch.nodes, shapes, outputs, sketch.constants),
			sizes: Object.fromEntries(inputs.map(({ name, rows, columns }) => [name, rows * columns])),
		};
	});
