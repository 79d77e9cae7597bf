import type { CompileOptions } from '../../compiler/index.ts';
import { type Dice, LAYERS, type LayerKind, Sketch, sizeOf, type Value } from '../support/networks.ts';
import { calibrationOf, model } from './models.ts';

/** A network drawn at random, and options to compile it with. */
export type Network = {
	readonly style: string;
	/** Kinds of its layers, in order. */
	readonly kinds: readonly LayerKind[];
	/** What it is made of, for the message of a failing run. */
	readonly text: string;
	readonly bytes: Uint8Array;
	/** Elements of each input. */
	readonly sizes: Readonly<Record<string, number>>;
	readonly outputs: number;
	/** Elements of the largest value. */
	readonly largest: number;
	readonly options: CompileOptions;
};

type Style = {
	readonly name: string;
	/** Shape of an input. */
	readonly input: (dice: Dice) => readonly number[];
	/** Layers to draw from; what is named twice is drawn twice as often. */
	readonly layers: readonly LayerKind[];
	readonly steps: readonly [least: number, most: number];
	/** Non-zero entries of one layer's matrix. */
	readonly entries: number;
	readonly degree: number;
	readonly batches: readonly number[];
};

const between = (dice: Dice, least: number, most: number): number => least + dice.next(most - least + 1);

const IMAGE: readonly LayerKind[] = [
	'convolution',
	'convolution',
	'convolution',
	'grouped',
	'averagePool',
	'averagePool',
	'globalPool',
	'normalization',
	'square',
	'square',
	'quadratic',
	'cube',
	'product',
	'dense',
	'residual',
	'projected',
	'concat',
	'slice',
	'transpose',
	'pad',
	'sum',
	'activation',
];

const STYLES: readonly Style[] = [
	{
		name: 'image',
		input: (dice) => [1, between(dice, 1, 4), between(dice, 4, 12), between(dice, 4, 12)],
		layers: IMAGE,
		steps: [2, 7],
		entries: 12_000,
		degree: 8,
		batches: [1, 1, 1, 1, 2, 4],
	},
	{
		name: 'signal',
		input: (dice) => [1, between(dice, 1, 6), dice.pick([15, 16, 17, 31, 32, 33, 50, 63, 64, 65, 100])],
		layers: IMAGE,
		steps: [2, 7],
		entries: 12_000,
		degree: 8,
		batches: [1, 1, 1, 2, 4],
	},
	{
		name: 'dense',
		input: (dice) => [1, dice.pick([1, 3, 30, 63, 64, 65, 127, 128, 129, 255, 256, 257, 400, 784])],
		layers: [
			'dense',
			'dense',
			'dense',
			'square',
			'square',
			'quadratic',
			'activation',
			'normalization',
			'slice',
			'concat',
			'sum',
			'product',
			'cube',
		],
		steps: [2, 6],
		entries: 20_000,
		degree: 8,
		batches: [1, 1, 1, 2, 4],
	},
	{
		name: 'wide',
		input: (dice) =>
			dice.once(3)
				? [1, between(dice, 1, 3), dice.pick([1500, 2049, 2500])]
				: [1, between(dice, 1, 4), between(dice, 33, 48), between(dice, 33, 48)],
		layers: [
			'convolution',
			'grouped',
			'grouped',
			'averagePool',
			'averagePool',
			'normalization',
			'square',
			'quadratic',
			'sum',
			'concat',
			'slice',
			'projected',
			'dense',
		],
		steps: [1, 4],
		entries: 60_000,
		degree: 4,
		batches: [1, 1, 2],
	},
	{
		name: 'small',
		input: (dice) => [1, between(dice, 1, 3), between(dice, 2, 5), between(dice, 2, 5)],
		layers: IMAGE,
		steps: [2, 6],
		entries: 800,
		degree: 8,
		batches: [4, 64, 64, 2048, 4096, 4096],
	},
];

/** Network number `seed`; every fifth is of the same style. */
export const networkOf = (seed: number): Network => {
	const style = STYLES[seed % STYLES.length] as Style;
	const sketch = new Sketch(seed, { degree: style.degree, entries: style.entries });
	const { dice } = sketch;
	const shape = style.input(dice);
	const inputs = (dice.once(4) ? ['x', 'z'] : ['x']).map((name) => sketch.input(name, shape));
	const kinds: LayerKind[] = [];
	let last = drawLayers(sketch, style, joined(sketch, inputs), kinds);
	if (dice.once(2) || kinds.length === 0) last = drawn(sketch, 'dense', last, kinds) ?? last;
	const others = sketch.values.filter((value) => value !== last && !inputs.includes(value));
	const outputs = dice.once(4) && others.length > 0 ? [last, dice.pick(others)] : [last];
	const shapes = Object.fromEntries(inputs.map(({ name }) => [name, shape]));
	const sizes = Object.fromEntries(inputs.map(({ name }) => [name, sizeOf(shape)]));
	const options = drawOptions(dice, style, sizes);
	return {
		style: style.name,
		kinds,
		largest: Math.max(...sketch.values.map((value) => sizeOf(value.shape))),
		text: textOf(seed, sketch, shapes, outputs, options),
		bytes: model(
			sketch.nodes,
			shapes,
			outputs.map(({ name }) => name),
			sketch.constants,
		),
		sizes,
		outputs: outputs.length,
		options,
	};
};

/** The one input, or what two are joined to. */
const joined = (sketch: Sketch, inputs: readonly Value[]): Value => {
	const [x, z] = inputs as readonly [Value, Value?];
	if (z === undefined) return x;
	const [a, b] = sketch.dice.once(2) ? [x, z] : [LAYERS.normalization(sketch, x) ?? x, z];
	const op = sketch.dice.pick(['Add', 'Sub', 'Mul', 'Concat']);
	if (op !== 'Concat') return sketch.add(op, [a.name, b.name], x.shape, op === 'Mul' ? 2 : 1);
	const shape = x.shape.map((size, d) => (d === 1 ? 2 * size : size));
	return sketch.add('Concat', [a.name, b.name], shape, 1, { axis: 1 });
};

/** Kinds that are tried for one layer: many do not fit every value. */
const ATTEMPTS = 6;

const PRODUCTS: readonly LayerKind[] = ['square', 'square', 'quadratic', 'product', 'activation'];

const drawLayers = (sketch: Sketch, { layers, steps }: Style, from: Value, kinds: LayerKind[]): Value => {
	let last = from;
	for (let step = between(sketch.dice, ...steps); step > 0; step--) {
		// Without products between them linear layers are one.
		const isLinear = !PRODUCTS.includes(kinds.at(-1) ?? 'square');
		const among = isLinear && sketch.dice.once(2) ? PRODUCTS : layers;
		for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
			const next = drawn(sketch, sketch.dice.pick(among), last, kinds);
			if (next === undefined) continue;
			last = next;
			break;
		}
	}
	return last;
};

const drawn = (sketch: Sketch, kind: LayerKind, x: Value, kinds: LayerKind[]): Value | undefined => {
	const value = LAYERS[kind](sketch, x);
	if (value !== undefined) kinds.push(kind);
	return value;
};

const drawOptions = (dice: Dice, style: Style, sizes: Readonly<Record<string, number>>): CompileOptions => {
	const optimize = dice.pick(['latency', 'latency', 'latency', 'throughput', 'upload', 'keys', 'memory'] as const);
	const precision = dice.pick([undefined, undefined, 6, 8, 12, 16]);
	const maxKeys = dice.once(8) ? dice.pick([6, 8, 10]) : undefined;
	return {
		batch: dice.pick(style.batches),
		degree: 2,
		...(optimize === 'latency' ? {} : { optimize }),
		...(precision === undefined ? {} : { precision }),
		...(maxKeys === undefined ? {} : { maxKeys }),
		...(dice.once(3) ? {} : { calibration: calibrationOf(sizes, 8) }),
	};
};

const textOf = (
	seed: number,
	sketch: Sketch,
	inputs: Readonly<Record<string, readonly number[]>>,
	outputs: readonly Value[],
	{ calibration, ...options }: CompileOptions,
): string => {
	const shapeOf = new Map(sketch.values.map(({ name, shape }) => [name, shape]));
	const lines = sketch.nodes.map(({ op, inputs: read, outputs: [name = ''], attributes }) => {
		const shown = read.map((id) =>
			sketch.constants[id] === undefined ? id : `[${sketch.constants[id]?.shape.join(', ')}]`,
		);
		return `  ${name} [${shapeOf.get(name)?.join(', ')}] = ${op} ${shown.join(' ')} ${JSON.stringify(attributes ?? {})}`;
	});
	const given = { ...options, calibrated: calibration !== undefined };
	return [
		`network ${seed}: ${JSON.stringify(inputs)} with ${JSON.stringify(given)}`,
		...lines,
		`  outputs ${outputs.map(({ name }) => name).join(', ')}`,
	].join('\n');
};
