import { attributesOf, type Call, integersAt, operand, type Run } from '../call.ts';
import { DataType, integerOf } from '../proto.ts';
import { elementTypeOf, MAX_ELEMENTS, typeName } from '../tensor.ts';
import { type Constant, constant, malformed, scalar, unsupported, type Value } from '../value.ts';

/** The value of its one attribute: a tensor, a number or a list of numbers. */
export const Constant_: Run = (call) => {
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
export const ConstantOfShape: Run = (call) => {
	const [attribute] = call.node.attributes;
	const filling = attribute === undefined ? scalar(0) : call.tensorOf(attribute);
	const shape = integersAt(call, 0, 'shape') ?? malformed('ConstantOfShape has no shape.');
	const size = shape.reduce((product, d) => product * d, 1);
	if (shape.some((d) => d < 0) || size > MAX_ELEMENTS || filling.data.length !== 1)
		return malformed(`ConstantOfShape fills the shape [${shape}] with ${filling.data.length} values.`);
	return constant(shape, new Float64Array(size).fill(filling.data[0] as number), filling.type);
};

/** y = x in another element type. Encrypted values are real numbers, so between float types nothing happens. */
export const Cast: Run = (call) => {
	const { to } = attributesOf(call, { to: DataType.FLOAT as number, saturate: 1, round_mode: 'up' });
	return cast(call, to);
};

/** Opset 15 on: in the type of the second operand. */
export const CastLike: Run = (call) => {
	attributesOf(call, { saturate: 1, round_mode: 'up' });
	const { type } = operand(call, 1);
	return cast(call, type === 'float' ? DataType.FLOAT : type === 'int' ? DataType.INT64 : DataType.BOOL);
};

const cast = (call: Call, to: number): Value => {
	const x = operand(call, 0);
	const type = elementTypeOf(to);
	if (type === undefined) return unsupported(`Cast to ${typeName(to)}.`);
	if (x.kind === 'constant') return { ...castConstant(x, type), dataType: to };
	if (type === 'float' || type === x.type) return { ...x, type };
	return unsupported(`Cast of an encrypted value to ${typeName(to)}, which rounds it.`);
};

const castConstant = (x: Constant, type: Value['type']): Constant => {
	if (type === 'float') return { ...x, type };
	return { ...x, type, data: x.data.map(type === 'int' ? Math.trunc : (value) => (value === 0 ? 0 : 1)) };
};
