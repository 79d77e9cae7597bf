import { CompileError, type Issue, refuse } from '../errors.ts';
import { Budget, BudgetedBuilder } from '../onnx/budget.ts';
import type { OpNode, Results } from '../onnx/call.ts';
import { OPSETS } from '../onnx/decode.ts';
import { runOf } from '../onnx/ops/index.ts';
import type { Model, NodeProto, TensorProto, ValueInfoProto } from '../onnx/proto.ts';
import { refusalOf } from '../onnx/refusals.ts';
import { ExternalData, readTensor } from '../onnx/tensor.ts';
import { constant, type Value } from '../onnx/value.ts';
import { type Shape, sizeOf } from '../tensor/graph.ts';
import { checkRank } from '../tensor/maps/rows.ts';
import { type Bounds, type Interval, inputBounds } from '../tensor/ranges.ts';
import { largestOf } from './bounds.ts';
import { Expression, flattened, type Operand } from './expression.ts';
import { type AttributeValues, attributesFrom, inputInfo, tensorFrom } from './proto.ts';
import { type CallSite, callerSite, shortSite } from './site.ts';

/** The newest operator set: what operations are recorded as. */
const OPSET = OPSETS.max;

/** Names of our own begin with a character that names of inputs and outputs do not begin with. */
const OWN = '%';

/** Integers for an operand that has to be a constant: axes, shapes, indices. */
export type Integers = { readonly integers: readonly number[] };

/**
 * Records a program as the model that the ONNX front end reads. Each operation is imported once at its call, into a graph that
 * is thrown away: so its shape is known, and what is wrong is said at the line that asks for it.
 */
export class Tracer {
	readonly #nodes: NodeProto[] = [];
	readonly #initializers: TensorProto[] = [];
	readonly #inputs: ValueInfoProto[] = [];
	readonly #labels = new Map<string, number>();
	readonly #builder = new BudgetedBuilder(new Budget());
	readonly #bounds = new Map<string, Bounds>();
	/** Has some constant no value yet? */
	#isOpen = false;

	/** An input of this shape, and its range if that is declared; one in the clear without a value yet stands for some numbers meanwhile. */
	input<S extends Shape>(name: string, shape: S, isPlain: boolean, range: Interval | undefined): Expression<S> {
		if (range !== undefined) this.#bounds.set(name, inputBounds(shape, range));
		this.#isOpen ||= isPlain;
		this.#inputs.push(inputInfo(name, shape));
		const value: Value = isPlain
			? constant(shape, placeholders(sizeOf(shape)))
			: {
					kind: 'encrypted',
					id: this.#builder.add({ kind: 'input', name, shape, origin: name }),
					shape,
					type: 'float',
				};
		return new Expression(this, name, value, shape);
	}

	/** A constant of the program. Errors: 'shape' for data that are not of the shape. */
	constant<S extends Shape>(shape: S, data: ArrayLike<number>, type: 'float' | 'int' = 'float'): Expression<S> {
		const name = `${OWN}c${this.#initializers.length}`;
		const tensor = tensorFrom(name, shape, data, type);
		const value = readTensor(tensor, new ExternalData(undefined));
		this.#initializers.push(tensor);
		return new Expression(this, name, value, shape);
	}

	/**
	 * The outputs of one node. Errors: those of the operator, each with the line of the caller and the shapes of the operands.
	 */
	record(
		op: string,
		operands: readonly (Operand | Integers | undefined)[],
		{ attributes, outputs, domain }: RecordOptions,
	): readonly Expression[] {
		const site = callerSite();
		return atSite(site, op, operands, () => {
			const inputs = operands.map((operand) => (operand === undefined ? undefined : this.#expression(operand)));
			const names = Array.from({ length: outputs }, (_, k) => `${OWN}${this.#nodes.length}${k === 0 ? '' : `.${k}`}`);
			const node: OpNode = {
				name: this.#label(op, site),
				op,
				domain,
				inputs: inputs.map((input) => input?.name ?? ''),
				outputs: names,
				attributes: attributesFrom(attributes),
			};
			const results = this.#run(
				node,
				inputs.map((input) => input?.value),
			);
			const values = results.kind === 'outputs' ? results.values : [results];
			this.#nodes.push(protoOf(node));
			return names.map((name, k) => {
				const value = values[k] ?? refuse({ code: 'unsupported', message: `it has no output ${k + 1}.` });
				checkRank(value.shape.length);
				return new Expression(this, name, value, value.shape);
			});
		});
	}

	/** The largest |element| of a value while inputs are in their ranges, by interval arithmetic; undefined where that does not say. */
	largest({ value }: Expression): number | undefined {
		if (this.#isOpen) return undefined;
		if (value.kind === 'encrypted') return largestOf(this.#builder.nodes, value.id, this.#bounds);
		return value.kind === 'constant' ? value.data.reduce((most, v) => Math.max(most, Math.abs(v)), 0) : undefined;
	}

	/** The model that computes these outputs. */
	model(name: string, outputs: ReadonlyMap<string, Expression>): Model {
		// An output has its own name: another one for what is an input, or another output.
		const named = [...outputs].map(([output, { name }]) =>
			protoOf({ name: output, op: 'Identity', domain: '', inputs: [name], outputs: [output], attributes: [] }),
		);
		return {
			irVersion: 10,
			opsetImport: [
				{ domain: '', version: OPSET },
				{ domain: ML, version: ML_OPSET },
			],
			graph: {
				name,
				node: [...this.#nodes, ...named],
				initializer: this.#initializers,
				input: this.#inputs,
				output: [...outputs].map(([name]) => ({ name })),
			},
		};
	}

	#run(node: OpNode, inputs: readonly (Value | undefined)[]): Results {
		const opset = node.domain === '' ? OPSET : ML_OPSET;
		const run = runOf(node.domain, node.op, opset);
		if (run === undefined) {
			const { reason, remedy } = refusalOf(node.domain, node.op);
			return refuse({ code: 'unsupported', message: `the operator is not supported: ${reason}.`, hint: remedy });
		}
		return run({
			builder: this.#builder,
			origin: node.name,
			node,
			opset,
			inputs,
			tensorOf: ({ t }) => readTensor(t ?? {}, new ExternalData(undefined)),
			runGraph: () => refuse({ code: 'unsupported', message: 'graphs inside nodes are not traced.' }),
			warn: () => {},
		});
	}

	/** op (file:line), with a number where that is taken. */
	#label(op: string, site: CallSite | undefined): string {
		const label = site === undefined ? op : `${op} (${shortSite(site)})`;
		const count = (this.#labels.get(label) ?? 0) + 1;
		this.#labels.set(label, count);
		return count === 1 ? label : `${label} ${count}`;
	}

	#expression(operand: Operand | Integers): Expression {
		if (operand instanceof Expression)
			return operand.tracer === this
				? operand
				: refuse({ code: 'option', message: 'an operand belongs to another program.' });
		if (typeof operand === 'object' && 'integers' in operand)
			return this.constant([operand.integers.length], operand.integers, 'int');
		const { shape, data } =
			constantOf(operand) ?? refuse({ code: 'shape', message: 'a constant has rows of different lengths.' });
		if (!Array.from(data).every(Number.isFinite))
			refuse({ code: 'range', message: 'a constant holds a number that is not finite.' });
		return this.constant(shape, data);
	}
}

const ML = 'ai.onnx.ml';
const ML_OPSET = 5;

export type RecordOptions = {
	readonly attributes: AttributeValues;
	readonly outputs: number;
	readonly domain: string;
};

const constantOf = (operand: Exclude<Operand, Expression>) => {
	if (operand instanceof Float64Array || operand instanceof Float32Array)
		return { shape: [operand.length], data: operand };
	return typeof operand === 'object' && 'data' in operand ? operand : flattened(operand);
};

const protoOf = ({ name, op, domain, inputs, outputs, attributes }: OpNode): NodeProto => ({
	name,
	opType: op,
	domain,
	input: [...inputs],
	output: [...outputs],
	attribute: [...attributes],
});

/** Different numbers between 1/2 and 1: their differences, quotients and logarithms are numbers as well. */
const placeholders = (size: number): Float64Array => Float64Array.from({ length: size }, (_, i) => 1 - 0.5 / (i + 2));

/** The tracer that the operands were traced by. Errors: 'option' when none was, at the caller's line. */
export const tracerOf = (op: string, operands: readonly (Operand | Integers | undefined)[]): Tracer => {
	const traced = operands.find((operand) => operand instanceof Expression);
	return traced instanceof Expression
		? traced.tracer
		: atSite(callerSite(), op, operands, () =>
				refuse({
					code: 'option',
					message: 'no operand comes from an input of the program.',
					hint: 'Compute what consists of constants in JavaScript.',
				}),
			);
};

/** What `body` gives; issues say where they come from, of which operation and what the operands are. */
export const atSite = <T>(
	site: CallSite | undefined,
	op: string,
	operands: readonly (Operand | Integers | undefined)[],
	body: () => T,
): T => {
	try {
		return body();
	} catch (error) {
		if (!(error instanceof CompileError)) throw error;
		throw new CompileError(error.issues.map((issue) => located(issue, site, op, operands)));
	}
};

const located = (
	issue: Issue,
	site: CallSite | undefined,
	op: string,
	operands: readonly (Operand | Integers | undefined)[],
): Issue => ({
	...issue,
	message: `${site === undefined ? '' : `${site.file}:${site.line}: `}${op} of ${operands.map(shapeText).join(', ')}: ${issue.message}`,
	op,
});

const shapeText = (operand: Operand | Integers | undefined): string => {
	if (operand === undefined) return 'nothing';
	if (typeof operand === 'number') return String(operand);
	if (typeof operand === 'object' && 'integers' in operand) return `integers [${operand.integers}]`;
	const shape = operand instanceof Expression ? operand.shape : constantOf(operand)?.shape;
	return shape === undefined ? 'a list' : `[${shape.join(', ')}]`;
};
