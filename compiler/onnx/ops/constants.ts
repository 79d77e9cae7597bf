import { sizeOf } from '../../tensor/graph.ts';
import { checkSize } from '../../tensor/maps/rows.ts';
import { isPositive } from '../algebra.ts';
import { attributesOf, type Call, integersAt, operand, type Run } from '../call.ts';
import { converted } from '../conversion.ts';
import { isNames } from '../labels.ts';
import { DataType, integerOf } from '../proto.ts';
import { elementTypeOf, typeName } from '../tensor.ts';
import { type Classes, constant, type ElementType, malformed, scalar, unsupported, type Value } from '../value.ts';
import { always, NO_COST, type Operator, since } from './table.ts';

/** The value of its one attribute: a tensor, a number or a list of numbers. */
const Constant_: Run = (call) => {
	const [attribute, ...others] = call.node.attributes;
	if (attribute === undefined || others.length > 0) return malformed('Constant needs exactly one attribute.');
	const floats = attribute.floats ?? [];
	const ints = attribute.ints ?? [];
	switch (attribute.name) {
		case 'value':
			return call.tensorOf(attribute);
		case 'value_float':
			return scalar(attribute.f ?? 0);
		case 'value_int':
			return scalar(integerOf(attribute.i), 'int');
		case 'value_floats':
			return constant([floats.length], Float64Array.from(floats));
		case 'value_ints':
			return constant([ints.length], Float64Array.from(ints, integerOf), 'int');
		default:
			return unsupported(`Constant holds a '${attribute.name}', which is not computed with.`);
	}
};

/** A tensor of the given shape, filled with the one element of `value`. */
const ConstantOfShape: Run = (call) => {
	const [attribute, ...others] = call.node.attributes;
	if (others.length > 0 || (attribute !== undefined && attribute.name !== 'value'))
		return malformed('ConstantOfShape has an attribute besides value.');
	const filling = attribute === undefined ? scalar(0) : call.tensorOf(attribute);
	const shape = integersAt(call, 0, 'shape') ?? malformed('ConstantOfShape has no shape.');
	const size = shape.reduce((product, d) => product * d, 1);
	if (shape.some((d) => d < 0) || filling.data.length !== 1)
		return malformed(`ConstantOfShape fills the shape [${shape}] with ${filling.data.length} values.`);
	checkSize(size);
	return constant(shape, new Float64Array(size).fill(filling.data[0] as number), filling.type);
};

/**
 * y = x in another element type. Encrypted values are real numbers: between float types nothing happens to them, and
 * encrypted integers do not wrap around.
 */
const Cast: Run = (call) => {
	const { to } = attributesOf(call, { to: DataType.FLOAT as number, saturate: 1, round_mode: 'up' });
	return cast(call, to);
};

/** Opset 15 on: in the type of the second operand. */
const CastLike: Run = (call) => {
	attributesOf(call, { saturate: 1, round_mode: 'up' });
	return cast(call, dataTypeOf(operand(call, 1)));
};

/** The ONNX type of a value; where nothing says it, integers are INT64, as those of shapes are. */
const dataTypeOf = (value: Value): number => {
	const known = value.kind === 'constant' ? value.dataType : undefined;
	return known ?? (value.type === 'float' ? DataType.FLOAT : value.type === 'int' ? DataType.INT64 : DataType.BOOL);
};

const cast = (call: Call, to: number): Value => {
	const x = operand(call, 0);
	if (x.classes !== undefined) return castLabels(x, x.classes, to);
	if (x.kind === 'constant') return converted(x, to);
	const type = elementTypeOf(to);
	if (type === 'float' || type === x.type || (type === 'int' && x.type === 'bool')) return { ...x, type };
	if (type === 'bool' && isPositive(call, x)) return constant(x.shape, new Float64Array(sizeOf(x.shape)).fill(1), type);
	return unsupported(
		`Cast of an encrypted value to ${typeName(to)}, which rounds it.`,
		'CKKS computes with real numbers: remove the rounding before the export.',
	);
};

const CASTS: Readonly<Record<ElementType, (value: number) => number>> = {
	float: (value) => value,
	int: Math.trunc,
	bool: (value) => (value === 0 ? 0 : 1),
};

/** The same index of other labels. */
const castLabels = (x: Value, classes: Classes, to: number): Value => {
	if (to === DataType.STRING && (isNames(classes) || x.type === 'int')) return { ...x, classes: classes.map(String) };
	const type = elementTypeOf(to);
	if (isNames(classes) || type === undefined) return unsupported(`Cast of labels to ${typeName(to)}.`);
	return { ...x, type, classes: classes.map(CASTS[type]) };
};

/** Constants and types. */
export const CONSTANTS: readonly Operator[] = [
	{ op: 'Cast', how: 'exact', cost: NO_COST, note: 'encrypted values to float types only', versions: always(Cast) },
	{
		op: 'CastLike',
		how: 'exact',
		cost: NO_COST,
		note: 'encrypted values to float types only',
		versions: since([15, CastLike]),
	},
	{ op: 'Constant', how: 'constant', note: 'numbers', versions: always(Constant_) },
	{ op: 'ConstantOfShape', how: 'constant', note: 'constant shape', versions: since([9, ConstantOfShape]) },
];
