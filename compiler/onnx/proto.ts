import proto, { type onnx } from 'onnx-proto';

/**
 * The messages of onnx.proto as onnx-proto declares them. The package is CommonJS: its one export is a property of the
 * default import. int64 fields arrive as Long where protobufjs finds that package and as number where it does not, so
 * every integer is read through `integerOf`.
 */
export const { ModelProto } = proto.onnx;
export const { AttributeType } = proto.onnx.AttributeProto;
export const { DataType, DataLocation } = proto.onnx.TensorProto;

export type Model = onnx.IModelProto;
export type NodeProto = onnx.INodeProto;
export type TensorProto = onnx.ITensorProto;
export type AttributeProto = onnx.IAttributeProto;
export type ValueInfoProto = onnx.IValueInfoProto;
export type FunctionProto = onnx.IFunctionProto;

/** A number of an int64 field. Exact below 2^53; the larger ones of real models (INT64_MAX as "to the end") stay large. */
export const integerOf = (value: unknown): number =>
	typeof value === 'number' ? value : value === null || value === undefined ? 0 : Number(String(value));
