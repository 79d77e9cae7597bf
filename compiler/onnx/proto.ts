import proto, { type onnx } from 'onnx-proto';

/**
 * The messages of onnx.proto as onnx-proto declares them. The package is CommonJS: its one export is a property of the
 * default import. int64 fields arrive as Long where protobufjs finds that package and as number where it does not, so
 * every integer is read through `integerOf`.
 */
export const { ModelProto, AttributeProto } = proto.onnx;
export const { AttributeType } = AttributeProto;
export const { DataType, DataLocation } = proto.onnx.TensorProto;

/** With the fields of functions that onnx-proto does not declare; `withFunctionFields` reads them. */
export type NodeProto = onnx.INodeProto & { readonly overload?: string };
export type FunctionProto = Omit<onnx.IFunctionProto, 'node'> & {
	readonly node?: NodeProto[] | null;
	/** Attributes with default values. */
	readonly attributeProto?: readonly AttributeProto[];
	readonly overload?: string;
};
export type Model = Omit<onnx.IModelProto, 'functions' | 'graph'> & {
	readonly functions?: FunctionProto[] | null;
	readonly graph?: (Omit<onnx.IGraphProto, 'node'> & { readonly node?: NodeProto[] | null }) | null;
};
export type GraphProto = onnx.IGraphProto;
export type TensorProto = onnx.ITensorProto;
export type AttributeProto = onnx.IAttributeProto;
export type ValueInfoProto = onnx.IValueInfoProto;

/** A number of an int64 field. Exact below 2^53; the larger ones of real models (INT64_MAX as "to the end") stay large. */
export const integerOf = (value: unknown): number =>
	typeof value === 'number' ? value : value === null || value === undefined ? 0 : Number(String(value));
