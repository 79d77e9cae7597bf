import { type ClientProgram, everyOutput } from '../runtime/plan.ts';
import type { Result } from '../runtime/results.ts';
import type { NamedArray } from './arrays.ts';
import { formatNumber } from './output.ts';

/** An output as it is written, and the names of the classes that its elements count. */
type OutputArray = NamedArray & { readonly classes?: readonly string[] };

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
export const stackResults = (program: ClientProgram, results: readonly Result[]): ReadonlyMap<string, OutputArray> =>
	new Map(
		everyOutput(program).map(({ name, classes }) => [
			name,
			{ ...stack(results, name), ...(classes === undefined ? {} : { classes }) },
		]),
	);

const shown = 16;

/** The first values of an array on one line, or the classes that they count. */
export const valuesText = ({ data, classes }: OutputArray): string =>
	`${Array.from(data.subarray(0, shown), (value) => classes?.[value] ?? formatNumber(value)).join('  ')}${data.length > shown ? `  ... (${data.length})` : ''}`;

/** Outputs for --json: where they were written, or the values. */
export const outputsJson = (arrays: ReadonlyMap<string, OutputArray>, files: ReadonlyMap<string, string>) =>
	[...arrays].map(([name, { data, ...rest }]) =>
		files.has(name) ? { name, ...rest, file: files.get(name) } : { name, ...rest, data: [...data] },
	);
