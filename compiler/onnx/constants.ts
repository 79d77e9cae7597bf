import { CompileError } from '../errors.ts';
import type { OpNode } from './call.ts';
import type { NamedGraph } from './model.ts';
import { integerOf, type TensorProto } from './proto.ts';
import { type ExternalData, readTensor } from './tensor.ts';
import { type Constant, completing } from './value.ts';

/** The initializers of a graph, each read when it is first needed. */
export class Constants {
	readonly #initializers: ReadonlyMap<string, TensorProto>;
	readonly #constantNodes: ReadonlyMap<string, OpNode>;
	readonly #external: ExternalData;

	constructor({ initializers, nodes }: NamedGraph, external: ExternalData) {
		this.#initializers = initializers;
		this.#constantNodes = new Map(
			nodes.filter(({ op, domain }) => op === 'Constant' && domain === '').map((node) => [node.outputs[0] ?? '', node]),
		);
		this.#external = external;
	}

	/** The initializer called `name`, if there is one. Errors: those of readTensor, naming it. */
	value(name: string): Constant | undefined {
		const tensor = this.#initializers.get(name);
		return tensor === undefined
			? undefined
			: completing(
					(issue) => ({ ...issue, message: `initializer '${name}': ${issue.message}` }),
					() => readTensor(tensor, this.#external),
				);
	}

	/** The number that `name` is when it is a constant of one element; never throws, broken constants are no numbers. */
	number(name: string): number | undefined {
		const attribute = this.#constantNodes.get(name)?.attributes[0];
		if (attribute?.name === 'value_float') return attribute.f ?? 0;
		const tensor = attribute?.t ?? this.#initializers.get(name);
		if (tensor === undefined || !(tensor.dims ?? []).every((d) => integerOf(d) === 1)) return undefined;
		try {
			return readTensor(tensor, this.#external).data[0];
		} catch (error) {
			if (error instanceof CompileError) return undefined;
			throw error;
		}
	}
}
