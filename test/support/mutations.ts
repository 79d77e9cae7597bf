import { AttributeType, DataType, ModelProto } from '../../compiler/onnx/proto.ts';

/** Reproducible damage to models: of their bytes, and of their fields through the decoded protobuf. */
type Model = ReturnType<typeof ModelProto.decode>;
type Graph = NonNullable<Model['graph']>;

/** Integers below `count`, and one of a list; the same sequence for the same seed. */
type Dice = {
	readonly below: (count: number) => number;
	readonly one: <T>(of: readonly T[]) => T | undefined;
};

/** Mulberry32. */
const dice = (seed: number): Dice => {
	let state = seed >>> 0;
	const below = (count: number): number => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = Math.imul(state ^ (state >>> 15), state | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * count);
	};
	return { below, one: (of) => of[below(of.length)] };
};

/** Numbers at which sizes, indices and axes go wrong. */
const INTEGERS: readonly number[] = [
	...[0, 1, -1, 2, -2, 3, 5, 7, 8, 64, 100, 1000, 4096, 65_536, 1_000_000],
	...[2 ** 24, 2 ** 26, 2 ** 27 + 1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, 2 ** 62, -(2 ** 63)],
];
const NUMBERS: readonly number[] = [
	...[0, 1, -1, 0.5, 1e-45, 1e30, -1e30, 3.4e38],
	...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
];
const TEXTS: readonly string[] = [
	...['', '__proto__', 'constructor', 'toString', 'NOTSET', 'SAME_UPPER', 'VALID', 'linear', 'cubic', 'reflect', 'DCR'],
	...['a,b->', '...ij,jk->...ik', 'ij->ijij', '\n', '\0', '\u202e', 'x'.repeat(10_000)],
];
/** The numbers of attribute types and element types that onnx-proto knows, and ones that it does not. */
const TYPES: readonly number[] = Array.from({ length: 28 }, (_, i) => i);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

type Change = (model: Model, graph: Graph, dice: Dice) => void;

/** A list with something done to one of its entries: replaced, dropped, doubled or put elsewhere. */
const shuffled = <T>(list: T[], { below }: Dice, fresh: () => T | undefined): void => {
	const at = below(list.length + 1);
	const value = fresh();
	const kind = below(5);
	if (kind === 0) list.splice(at, 1);
	else if (kind === 1 && list[at] !== undefined) list.splice(below(list.length), 0, list[at]);
	else if (kind === 2 && value !== undefined) list.splice(at, 0, value);
	else if (value !== undefined) list[at === list.length ? below(list.length) : at] = value;
};

const namesOf = (graph: Graph): string[] => [
	...(graph.input ?? []).map(({ name }) => name ?? ''),
	...(graph.initializer ?? []).map(({ name }) => name ?? ''),
	...(graph.node ?? []).flatMap(({ output }) => output ?? []),
];

/** A name of the graph three times out of four, else any text. */
const nameFor = (graph: Graph, { below, one }: Dice): string =>
	(below(4) === 0 ? one(TEXTS) : one(namesOf(graph))) ?? '';

/** Field-aware changes; each does nothing where the model lacks what it changes. */
const changes = (ops: readonly string[]): readonly Change[] => [
	(_, graph, dice) => {
		const node = dice.one(graph.node ?? []);
		if (node) node.opType = dice.one(ops) ?? '';
	},
	(_, graph, dice) => {
		const node = dice.one(graph.node ?? []);
		if (node?.input) shuffled(node.input, dice, () => nameFor(graph, dice));
	},
	(_, graph, dice) => {
		const node = dice.one(graph.node ?? []);
		if (node?.output) shuffled(node.output, dice, () => nameFor(graph, dice));
	},
	(_, graph, dice) => {
		// Another operator behind what there is, and its result as the output.
		const input = Array.from({ length: 1 + dice.below(3) }, () => dice.one(namesOf(graph)) ?? '');
		const name = `added${graph.node?.length}`;
		graph.node?.push({ opType: dice.one(ops) ?? '', input, output: [name] });
		const output = dice.one(graph.output ?? []);
		if (output) output.name = name;
	},
	(_, graph, dice) => {
		if (graph.node) shuffled(graph.node, dice, () => dice.one(graph.node ?? []));
	},
	(_, graph, dice) => {
		const node = dice.one(graph.node ?? []);
		const other = dice.one(dice.one(graph.node ?? [])?.attribute ?? []);
		if (node?.attribute) shuffled(node.attribute, dice, () => other);
	},
	(_, graph, dice) => {
		const attribute = dice.one(dice.one(graph.node ?? [])?.attribute ?? []);
		if (!attribute) return;
		const kind = dice.below(6);
		if (kind === 0) attribute.type = dice.one(TYPES) ?? 0;
		else if (kind === 1) attribute.name = dice.one([...ATTRIBUTES, ...TEXTS]) ?? '';
		else if (kind === 2) attribute.i = dice.one(INTEGERS) ?? 0;
		else if (kind === 3) attribute.f = dice.one(NUMBERS) ?? 0;
		else if (kind === 4) attribute.s = text(dice.one(TEXTS) ?? '');
		else shuffled(attribute.ints ?? [], dice, () => dice.one(INTEGERS));
	},
	(_, graph, dice) => {
		const node = dice.one(graph.node ?? []);
		const [name, i] = [dice.one(ATTRIBUTES) ?? '', dice.one(INTEGERS) ?? 0];
		const ints = Array.from({ length: dice.below(5) }, () => dice.one(INTEGERS) ?? 0);
		const type = dice.one([AttributeType.INT, AttributeType.INTS]) ?? 0;
		node?.attribute?.push({ name, type, ...(type === AttributeType.INT ? { i } : { ints }) });
	},
	(_, graph, dice) => {
		const tensor = dice.one(graph.initializer ?? []);
		if (tensor?.dims) shuffled(tensor.dims, dice, () => dice.one(INTEGERS));
	},
	(_, graph, dice) => {
		const tensor = dice.one(graph.initializer ?? []);
		if (tensor) tensor.dataType = dice.one(TYPES) ?? 0;
	},
	(_, graph, dice) => {
		const tensor = dice.one(graph.initializer ?? []);
		if (tensor) tensor.name = dice.one([...namesOf(graph), ...TEXTS]) ?? '';
	},
	(_, graph, dice) => {
		const tensor = dice.one(graph.initializer ?? []);
		const length = tensor?.rawData?.length ?? 0;
		if (!tensor?.rawData || length === 0) return;
		const [raw, at] = [Uint8Array.from(tensor.rawData), dice.below(length)];
		const view = new DataView(raw.buffer);
		const wide = tensor.dataType === DataType.INT64 || tensor.dataType === DataType.DOUBLE;
		const start = at - (at % (wide ? 8 : 4));
		if (wide && start + 8 <= length) view.setBigInt64(start, BigInt(dice.one(INTEGERS) ?? 0), true);
		else if (!wide && start + 4 <= length) view.setFloat32(start, dice.one(NUMBERS) ?? 0, true);
		tensor.rawData = dice.below(8) === 0 ? raw.subarray(0, at) : raw;
	},
	(_, graph, dice) => {
		const dims = dice.one(graph.input ?? [])?.type?.tensorType?.shape?.dim;
		if (dims) shuffled(dims, dice, () => dice.one([{ dimValue: dice.one(INTEGERS) ?? 0 }, { dimParam: 'n' }]));
	},
	(_, graph, dice) => {
		const type = dice.one(graph.input ?? [])?.type?.tensorType;
		if (type) type.elemType = dice.one(TYPES) ?? 0;
	},
	(_, graph, dice) => {
		if (graph.output) shuffled(graph.output, dice, () => ({ name: dice.one([...namesOf(graph), ...TEXTS]) ?? '' }));
	},
	(model, _, dice) => {
		const opset = dice.one(model.opsetImport ?? []);
		if (opset) opset.version = dice.below(30);
	},
];

const ATTRIBUTES: readonly string[] = [
	...['axis', 'axes', 'perm', 'pads', 'strides', 'dilations', 'group', 'kernel_shape', 'output_padding', 'keepdims'],
	...['to', 'blocksize', 'transA', 'transB', 'num_outputs', 'split', 'allowzero', 'storage_order', 'output_shape'],
	...[
		'batch_dims',
		'block_size',
		'starts',
		'ends',
		'ceil_mode',
		'count_include_pad',
		'num_groups',
		'exclusive',
		'size',
	],
];

/** Bits flipped, ranges copied, dropped and filled. */
const damaged = (bytes: Uint8Array, { below }: Dice): Uint8Array => {
	let result = Uint8Array.from(bytes);
	for (let times = 1 + below(6); times > 0 && result.length > 0; times--) {
		const at = below(result.length);
		const length = Math.min(1 + below(16), result.length - at);
		const kind = below(5);
		if (kind <= 1) result[at] = (result[at] as number) ^ (1 << below(8));
		else if (kind === 2) result.copyWithin(below(result.length), at, at + length);
		else if (kind === 3) result = Uint8Array.from([...result.subarray(0, at), ...result.subarray(at + length)]);
		else result.fill(below(256), at, at + length);
	}
	return result;
};

/** A damaged copy of one of the models: by its fields four times out of five, else by its bytes. */
export const mutated = (models: readonly Uint8Array[], ops: readonly string[], seed: number): Uint8Array => {
	const thrown = dice(seed);
	const bytes = thrown.one(models) ?? new Uint8Array();
	if (thrown.below(5) === 0) return damaged(bytes, thrown);
	const model = ModelProto.decode(bytes);
	const { graph } = model;
	if (!graph) return bytes;
	const all = changes(ops);
	for (let times = 1 + thrown.below(3); times > 0; times--) thrown.one(all)?.(model, graph as Graph, thrown);
	return ModelProto.encode(model).finish();
};
