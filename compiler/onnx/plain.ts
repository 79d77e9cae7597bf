import type { Issue } from '../errors.ts';
import type { CompileOptions, PlainTensor } from '../options.ts';
import { sizeOf } from '../tensor/graph.ts';
import { declared } from './input.ts';
import { DataType, type ValueInfoProto } from './proto.ts';
import { elementTypeOf, typeName } from './tensor.ts';
import { type Constant, constant } from './value.ts';

type Plain = NonNullable<CompileOptions['plain']>;
type Dimensions = NonNullable<CompileOptions['dimensions']>;

/** Inputs that stay in the clear: their values by name, and the dimensions that are known with them. */
export type PlainInputs = {
	readonly constants: ReadonlyMap<string, Constant>;
	readonly dimensions: Dimensions;
	readonly issues: readonly Issue[];
};

/**
 * The inputs that have a value when the program is compiled, and so are constants of it. A symbolic dimension of such an
 * input is what its array says, and so it is in the other inputs. Issues: 'option' for names that are no inputs and for
 * values that the declared type does not hold, 'shape' for other shapes than declared, 'unsupported' for other types than
 * numbers.
 */
export const plainInputs = (
	inputs: readonly ValueInfoProto[],
	plain: Plain,
	dimensions: Dimensions = new Map(),
): PlainInputs => {
	const known = new Map(dimensions);
	const constants = new Map<string, Constant>();
	const issues: Issue[] = [];
	for (const [name, array] of plain) {
		const info = inputs.find((input) => input.name === name);
		const found = info === undefined ? [unknownInput(name, inputs)] : problems(info, array, known);
		issues.push(...found);
		if (info === undefined || found.length > 0) continue;
		for (const [axis, dimension] of (declared(info) ?? []).entries())
			if (dimension.value === undefined) known.set(dimension.name, array.shape[axis] as number);
		const dataType = info.type?.tensorType?.elemType ?? 0;
		constants.set(name, {
			...constant(array.shape, Float64Array.from(array.data), elementTypeOf(dataType)),
			dataType,
		});
	}
	return { constants, dimensions: known, issues };
};

const unknownInput = (name: string, inputs: readonly ValueInfoProto[]): Issue => ({
	code: 'option',
	message: `The model has no input named '${name}' that could stay in the clear.`,
	hint: `Its inputs are ${inputs.map((input) => `'${input.name ?? ''}'`).join(', ') || 'none'}.`,
});

/** What is wrong with an array as the value of an input. */
const problems = (info: ValueInfoProto, { shape, data }: PlainTensor, known: Dimensions): readonly Issue[] => {
	const name = info.name ?? '';
	const dataType = info.type?.tensorType?.elemType ?? 0;
	if (elementTypeOf(dataType) === undefined)
		return [
			{
				code: 'unsupported',
				message: `The input '${name}' holds elements of type ${typeName(dataType)}, not numbers.`,
				hint: 'Export the model without this input.',
			},
		];
	if (data.length !== sizeOf(shape))
		return [{ code: 'option', message: `The array for '${name}' of shape [${shape}] holds ${data.length} values.` }];
	const wanted = declared(info)?.map(({ name, value }) => ({ name, size: known.get(name) ?? value }));
	const fits =
		wanted === undefined ||
		(wanted.length === shape.length && wanted.every(({ size }, axis) => (size ?? shape[axis]) === shape[axis]));
	if (!fits) {
		const sizes = wanted.map(({ name, size }) => size ?? name).join(', ');
		return [
			{
				code: 'shape',
				message: `The array for '${name}' has the shape [${shape.join(', ')}], where the model takes [${sizes}].`,
				hint: 'Save it in the shape of the input; a dimension of one name is as long in every input.',
			},
		];
	}
	const wrong = data.find((value) => !holds(dataType, value));
	return wrong === undefined
		? []
		: [
				{
					code: 'option',
					message: `The array for '${name}' holds ${wrong}, which is no ${Number.isFinite(wrong) ? `value of the type ${typeName(dataType)}` : 'finite number'}.`,
				},
			];
};

/** Whether a type has this value; floats are not asked how precise they are. */
const holds = (dataType: number, value: number): boolean => {
	const range = RANGES.get(dataType);
	if (range === undefined) return Number.isFinite(value);
	return Number.isSafeInteger(value) && value >= range[0] && value <= range[1];
};

const RANGES: ReadonlyMap<number, readonly [low: number, high: number]> = new Map([
	[DataType.BOOL, [0, 1]],
	[DataType.INT8, [-128, 127]],
	[DataType.UINT8, [0, 255]],
	[DataType.INT16, [-32768, 32767]],
	[DataType.UINT16, [0, 65535]],
	[DataType.INT32, [-(2 ** 31), 2 ** 31 - 1]],
	[DataType.UINT32, [0, 2 ** 32 - 1]],
	[DataType.INT64, [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
	[DataType.UINT64, [0, Number.MAX_SAFE_INTEGER]],
]);
