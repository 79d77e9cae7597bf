import { CompileError } from '../errors.ts';
import type { OpNode } from './call.ts';
import type { NamedGraph } from './model.ts';
import { integerOf, type TensorProto } from './proto.ts';
import { type ExternalData, readTensor } from './tensor.ts';
import { type Constant, completing } from './value.ts';

/** The initializers of a graph, each read when it is first needed, and the inputs that have a value. */
export class Constants {
	readonly #initializers: ReadonlyMap<string, TensorProto>;
	readonly #constantNodes: ReadonlyMap<string, OpNode>;
	readonly #external: ExternalData;
	readonly #plain: ReadonlyMap<string, Constant>;

	constructor(
		{ initializers, nodes }: NamedGraph,
		external: ExternalData,
		plain: ReadonlyMap<string, Constant> = new Map(),
	) {
		this.#plain = plain;
		this.#initializers = initializers;
		this.#constantNodes = new Map(
			nodes.filter(({ op, domain }) => op === 'Constant' && domain === '').map((node) => [node.outputs[0] ?? '', node]),
		);
		this.#external = external;
	}

	/** The initializer or input called `name`, if there is one. Errors: those of readTensor, naming it. */
	value(name: string): Constant | undefined {
		const tensor = this.#initializers.get(name);
		return tensor === undefined
			? this.#plain.get(name)
			: completing(
					(issue) => ({ ...issue, message: `initializer '${name}': ${issue.message}` }),
					() => readTensor(tensor, this.#external),
				);
	}

	/**
	 * The number that `name` is when it is a constant of one element; never throws, broken constants are no numbers, and none
	 * that could give what they are added to a further axis.
	 */
	number(name: string): number | undefined {
		const plain = this.#plain.get(name);
		if (plain !== undefined) return plain.data.length === 1 && plain.shape.length <= 1 ? plain.data[0] : undefined;
		const attribute = this.#constantNodes.get(name)?.attributes[0];
		if (attribute?.name === 'value_float') return attribute.f ?? 0;
		const tensor = attribute?.t ?? this.#initializers.get(name);
		const dims = tensor?.dims ?? [];
		if (tensor === undefined || dims.length > 1 || !dims.every((d) => integerOf(d) === 1)) return undefined;
		try {
			return readTensor(tensor, this.#external).data[0];
		} catch (error) {
			if (error instanceof CompileError) return undefined;
			throw error;
		}
	}
}
