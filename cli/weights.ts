import { decodeModel } from '../compiler/onnx/decode.ts';
import { withEncrypted } from '../compiler/onnx/encrypt.ts';
import { readGraph } from '../compiler/onnx/model.ts';
import { ExternalData } from '../compiler/onnx/tensor.ts';
import type { Samples } from '../compiler/options.ts';
import { RefusedError } from '../runtime/errors.ts';
import type { ModelFile, Port } from './model.ts';

/** The values of weights that the client encrypts, by name, row-major. */
export type Weights = ReadonlyMap<string, Float64Array>;

/** The samples with the values of encrypted weights in each. */
export const withWeights = (samples: Samples, weights: Weights): Samples => {
	const count = [...samples.values()][0]?.length ?? 1;
	return new Map([
		...samples,
		...[...weights].map(([name, values]) => [name, new Array<Float64Array>(count).fill(values)] as const),
	]);
};

/**
 * Values for those inputs of a program that were weights before it was compiled, from the same model or one of its form.
 * Errors: RefusedError 'input' when it has none of them, or one of another shape; CompileError for a model that cannot be read or a
 * weight that cannot be encrypted.
 */
export const weightsFor = (inputs: readonly Port[], model: ModelFile): Weights => {
	const graph = readGraph(decodeModel(model.bytes));
	const names = inputs.map(({ name }) => name).filter((name) => graph.initializers.has(name));
	if (names.length === 0)
		throw new RefusedError(
			'input',
			`${model.path} has no weights for this program`,
			`Its inputs are ${inputs.map(({ name }) => `"${name}"`).join(', ')}; those that --encrypt named come from the model`,
		);
	const { values, graph: found } = withEncrypted(graph, names, new Set(), new ExternalData(model.readExternal));
	for (const { name, shape } of inputs) {
		const dims = found.inputs.find((input) => input.name === name)?.type?.tensorType?.shape?.dim ?? [];
		const given = dims.map(({ dimValue }) => Number(dimValue));
		if (values.has(name) && String(given) !== String(shape))
			throw new RefusedError(
				'input',
				`${model.path} has weights "${name}" of the shape [${given.join(', ')}]`,
				`The program takes [${shape.join(', ')}]: it was compiled from another model`,
			);
	}
	return values;
};
