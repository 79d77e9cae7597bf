import { CompileError, type Issue } from '../errors.ts';
import { uniform } from '../numeric/uniform.ts';
import type { TracedProgram } from '../onnx/source.ts';
import type { Samples } from '../options.ts';
import { type Shape, sizeOf } from '../tensor/graph.ts';
import { checkRank } from '../tensor/maps/rows.ts';
import { Expression } from './expression.ts';
import { Tracer } from './tracer.ts';

/** Where every element of an input lies. */
export type Range = readonly [low: number, high: number];

/** How an input is declared. */
export type Declaration<S extends Shape = Shape> = {
	readonly kind: 'encrypted' | 'plain';
	readonly shape: S;
	readonly range?: Range;
	readonly data?: Float64Array;
};

/**
 * An input that the client encrypts. `range`: where its elements lie, when the program is compiled without calibration (else
 * the option inputRange says it, [-1, 1] by default).
 */
export const encrypted = <const S extends Shape>(
	shape: S,
	{ range }: { readonly range?: Range } = {},
): Declaration<S> => ({ kind: 'encrypted', shape, ...(range === undefined ? {} : { range }) });

/**
 * An input that stays in the clear: a constant of the program, known to its server. Without `data` its value is what the option
 * `plain` of `compile` says.
 */
export const plain = <const S extends Shape>(shape: S, data?: ArrayLike<number>): Declaration<S> => ({
	kind: 'plain',
	shape,
	...(data === undefined ? {} : { data: Float64Array.from(data) }),
});

type Declarations = Readonly<Record<string, Declaration>>;

/** What the body of a program gets: its inputs by name. */
export type Arguments<D extends Declarations> = {
	readonly [N in keyof D]: D[N] extends Declaration<infer S> ? Expression<S> : never;
};

/** What it gives: one result, called `result`, or several by name. */
export type Returned = Expression | Readonly<Record<string, Expression>>;

/** A recorded program, which `compile` takes in the place of a model's bytes. */
export type Traced = TracedProgram & {
	readonly inputs: Declarations;
	/** The shapes of the results by name. */
	readonly outputs: ReadonlyMap<string, Shape>;
};

/**
 * The program that `body` computes of its inputs, recorded by running it once on tensors without values. Conditions and loops of
 * JavaScript are run while it is recorded; whatever depends on an input goes through the operations of this module.
 *
 *     trace(({ x, y }) => ({ distance: sqrt(sum(square(sub(x, y)))) }), { x: encrypted([8]), y: encrypted([8]) })
 *
 * Errors: CompileError with the line of the call whose operands do not fit or whose operation is not compiled; 'option' for
 * inputs and results that cannot be.
 */
export const trace = <const D extends Declarations>(
	body: (inputs: Arguments<D>) => Returned,
	inputs: D,
	{ name = 'program' }: { readonly name?: string } = {},
): Traced => {
	checkDeclarations(inputs);
	const tracer = new Tracer();
	const declared = Object.entries(inputs);
	const given = Object.fromEntries(declared.map(([name, declaration]) => [name, inputOf(tracer, name, declaration)]));
	const returned = body(given as Arguments<D>);
	const results: ReadonlyMap<string, Expression> = new Map(
		Object.entries(returned instanceof Expression ? { result: returned } : returned),
	);
	checkResults(tracer, results, inputs);
	return {
		kind: 'traced',
		model: tracer.model(name, results),
		ranges: new Map(declared.flatMap(([name, { range }]) => (range === undefined ? [] : [[name, range] as const]))),
		plain: new Set(
			declared.flatMap(([name, { kind, data }]) => (kind === 'plain' && data === undefined ? [name] : [])),
		),
		inputs,
		outputs: new Map([...results].map(([name, { shape }]) => [name, shape])),
	};
};

const inputOf = (tracer: Tracer, name: string, { kind, shape, data, range }: Declaration): Expression =>
	data === undefined ? tracer.input(name, shape, kind === 'plain', range) : tracer.constant(shape, data);

/** Names that nothing of ours begins with, and that are printed as they are. */
const NAME = /^[A-Za-z_]\w*$/;

/** Elements that an input may have. */
const MOST_ELEMENTS = 2 ** 22;

const checkDeclarations = (inputs: Declarations): void => {
	const issues: Issue[] = [];
	const check = (holds: boolean, message: string): void => {
		if (!holds) issues.push({ code: 'option', message });
	};
	for (const [name, { kind, shape, range, data }] of Object.entries(inputs)) {
		check(NAME.test(name), `'${name}' cannot be the name of an input: it takes letters, digits and _.`);
		checkRank(shape.length);
		const isShape = shape.every((d) => Number.isSafeInteger(d) && d >= 1) && sizeOf(shape) <= MOST_ELEMENTS;
		check(isShape, `The input '${name}' cannot have the shape [${shape.join(', ')}].`);
		if (range !== undefined)
			check(
				Number.isFinite(range[0]) && range[0] < range[1] && Number.isFinite(range[1]),
				`The range [${range.join(', ')}] of the input '${name}' is not an interval.`,
			);
		if (data !== undefined)
			check(
				kind === 'plain' && data.length === sizeOf(shape) && data.every(Number.isFinite),
				`The values of '${name}' are not ${sizeOf(shape)} finite numbers for the shape [${shape.join(', ')}].`,
			);
	}
	if (issues.length > 0) throw new CompileError(issues);
};

const checkResults = (tracer: Tracer, results: ReadonlyMap<string, Expression>, inputs: Declarations): void => {
	const issues: Issue[] = [];
	const check = (holds: boolean, message: string): void => {
		if (!holds) issues.push({ code: 'option', message });
	};
	check(results.size > 0, 'The program has no result.');
	for (const [name, result] of results) {
		check(NAME.test(name), `'${name}' cannot be the name of a result: it takes letters, digits and _.`);
		check(!Object.hasOwn(inputs, name), `'${name}' is the name of an input and of a result.`);
		check(
			result instanceof Expression && result.tracer === tracer,
			`The result '${name}' was not computed from the inputs of this program.`,
		);
	}
	if (issues.length > 0) throw new CompileError(issues);
};

/**
 * Pseudo-random values within the ranges of the encrypted inputs, uniform and the same for a seed: what to calibrate with where
 * typical inputs are not at hand. Inputs without a range lie in [-1, 1].
 */
export const randomSamples = ({ inputs }: Traced, count: number, seed = 1): Samples => {
	const next = uniform(seed);
	return new Map(
		Object.entries(inputs)
			.filter(([, { kind }]) => kind === 'encrypted')
			.map(([name, { shape, range: [low, high] = [-1, 1] }]) => [
				name,
				Array.from({ length: count }, () =>
					Float64Array.from({ length: sizeOf(shape) }, () => low + (high - low) * next()),
				),
			]),
	);
};
