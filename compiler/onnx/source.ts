import type { Model } from './proto.ts';

/**
 * A program that was recorded instead of read from a file: the model as it would be decoded, and what its inputs say that
 * ONNX has no field for. What makes one is `trace`.
 */
export type TracedProgram = {
	readonly kind: 'traced';
	readonly model: Model;
	/** Where the elements of an input lie, by name, for those inputs that say it. */
	readonly ranges: ReadonlyMap<string, readonly [low: number, high: number]>;
	/** The inputs that stay in the clear and have no value yet: `CompileOptions.plain` has to give one. */
	readonly plain: ReadonlySet<string>;
};

/** What is compiled: the bytes of an .onnx file, or a recorded program. */
export type ModelSource = Uint8Array | TracedProgram;
