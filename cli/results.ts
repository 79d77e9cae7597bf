import type { ClientProgram } from '../runtime/plan.ts';
import type { Result } from '../runtime/results.ts';
import type { NamedArray } from './arrays.ts';
import { formatNumber } from './output.ts';

/** The results of all samples, stacked: [k, ...shape] without the leading 1 of the shape, or the shape of a single one. */
const stack = (results: readonly Result[], name: string): NamedArray => {
	const tensors = results.map(({ outputs }) => outputs.get(name)).filter((tensor) => tensor !== undefined);
	const [first] = tensors;
	if (first === undefined) return { shape: [0], data: new Float64Array() };
	if (tensors.length === 1) return { shape: first.shape, data: first.data };
	const inner = first.shape[0] === 1 ? first.shape.slice(1) : first.shape;
	const data = new Float64Array(tensors.length * first.data.length);
	tensors.forEach((tensor, i) => {
		data.set(tensor.data, i * first.data.length);
	});
	return { shape: [tensors.length, ...inner], data };
};

/** Every output of a program by name, with all samples. */
export const stackResults = (program: ClientProgram, results: readonly Result[]): ReadonlyMap<string, NamedArray> =>
	new Map(program.outputs.map(({ name }) => [name, stack(results, name)] as const));

const shown = 16;

/** The first values of an array on one line. */
export const valuesText = ({ data }: NamedArray): string =>
	`${Array.from(data.subarray(0, shown), formatNumber).join('  ')}${data.length > shown ? `  ... (${data.length})` : ''}`;

/** Outputs for --json: where they were written, or the values. */
export const outputsJson = (arrays: ReadonlyMap<string, NamedArray>, files: ReadonlyMap<string, string>) =>
	[...arrays].map(([name, { shape, data }]) =>
		files.has(name) ? { name, shape, file: files.get(name) } : { name, shape, data: [...data] },
	);
