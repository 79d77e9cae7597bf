import { RefusedError } from './errors.ts';
import { pack } from './packing.ts';
import type { ClientProgram, InputPacking } from './plan.ts';
import { elementsOf, inputsByName, namesOf, type Sample } from './samples.ts';

export type { Sample } from './samples.ts';

/** Values may pass the range by this share of its width: float32 data that touch a limit computed in float64. */
const RANGE_SLACK = 1e-6;

const refuse = (message: string, hint?: string): never => {
	throw new RefusedError('input', message, hint);
};

/** [1, 28, 28] and 29 make "[0, 1, 1]". */
const placeOf = (shape: readonly number[], index: number): string => {
	const place: number[] = [];
	let rest = index;
	for (const d of [...shape].reverse()) {
		place.unshift(rest % d);
		rest = Math.floor(rest / d);
	}
	return `[${place.join(', ')}]`;
};

const checkNames = (program: ClientProgram, sample: ReadonlyMap<string, unknown>): void => {
	const known = program.inputs.map(({ name }) => name);
	const missing = known.filter((name) => !sample.has(name));
	const unknown = [...sample.keys()].filter((name) => !known.includes(name));
	const quote = (names: readonly string[]): string => namesOf(names.map((name) => ({ name })));
	const hint = `The program's inputs are ${namesOf(program.inputs)}.`;
	if (missing.length > 0) refuse(`the input ${quote(missing)} is missing`, hint);
	if (unknown.length > 0) refuse(`there is no input ${quote(unknown)}`, hint);
};

/** head(x), checked: as many elements as the shape says, all finite, all in the range the program was compiled for. */
const applyHead = (input: InputPacking, value: unknown): Float64Array => {
	const { name, shape, head } = input;
	const [low, high] = input.range;
	const data = elementsOf(input, value);
	const slack = RANGE_SLACK * (high - low);
	const values = new Float64Array(data.length);
	for (let i = 0; i < data.length; i++) {
		const given = data[i];
		if (typeof given !== 'number' || !Number.isFinite(given))
			return refuse(
				`the input '${name}' is ${String(given)} at ${placeOf(shape, i)}: only finite numbers can be encrypted`,
			);
		const value = head === undefined ? given : given * (head.scale[i] as number) + (head.shift[i] as number);
		if (!(value >= low - slack && value <= high + slack)) {
			const prepared = head === undefined ? '' : ` (${value} once prepared)`;
			refuse(
				`the input '${name}' is ${given}${prepared} at ${placeOf(shape, i)}, outside the range [${low}, ${high}] it was compiled for`,
				'Scale the data as the model expects them, or compile again with calibration data that cover them.',
			);
		}
		values[i] = value;
	}
	return values;
};

/** Why a sample would not be encrypted; undefined where it would. */
export const refusalOf = (program: ClientProgram, sample: Sample): RefusedError | undefined => {
	try {
		const given = inputsByName(program.inputs, sample);
		checkNames(program, given);
		for (const input of program.inputs) applyHead(input, given.get(input.name));
		return undefined;
	} catch (error) {
		if (error instanceof RefusedError) return error;
		throw error;
	}
};

/**
 * The real slots of every part of every input: packed[input][part], for at most `batch` samples at once.
 * Throws RefusedError 'input' naming the input, the element, its value, the range and what would help.
 */
export const packSamples = (program: ClientProgram, samples: readonly Sample[]): Float64Array[][] => {
	const { batch, parameters } = program;
	if (samples.length === 0 || samples.length > batch)
		refuse(`${samples.length} samples given to a program for 1 to ${batch} at once`);
	const maps = samples.map((sample) => inputsByName(program.inputs, sample));
	for (const sample of maps) checkNames(program, sample);
	return program.inputs.map((input) => {
		const prepared = maps.map((sample) => applyHead(input, sample.get(input.name)));
		return input.parts.map((runs) => pack(runs, prepared, parameters.ringDegree / 2, batch));
	});
};
