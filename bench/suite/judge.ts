/** What becomes of one case: it is compiled, run without encryption and compared with what the suite expects. */
import type { NamedArray } from '../../cli/arrays.ts';
import { type Compiled, CompileError, compile, type Program, type Samples } from '../../compiler/index.ts';
import { evaluateLocally } from '../../runtime/local.ts';
import { calibrationOf } from './calibration.ts';
import type { Case } from './cases.ts';

export type Verdict = 'right' | 'refused' | 'wrong' | 'crashed';
export type Judgement = {
	readonly verdict: Verdict;
	/** Whether polynomials were fitted to functions. */
	readonly fitted?: boolean;
	/** The largest error, as a share of what it is measured by. */
	readonly error?: number;
	/** Why it is not right. */
	readonly reason?: string;
	/** Processor time that it took. */
	readonly seconds?: number;
};

/** Accuracies asked of the polynomials, one after another until one is not refused: rms error by the spread of an output. */
const FIT_ERRORS = [0.005, 0.01];
/** An output with fitted functions is right up to this part of its range, one without up to this part of its largest value. */
const ALLOWED = { fitted: 1e-2, exact: 1e-4 };
/** What rounding to the output's own type may add. */
const ROUNDING: Readonly<Record<string, number>> = { FLOAT16: 2 ** -10, BFLOAT16: 2 ** -7 };
/** Simulated noise may be this much larger than predicted, as where errors of one value meet again. */
const REUNITED = Math.SQRT2;

/**
 * Compiles the case with samples like its inputs and runs it: right, wrong, refused with a CompileError, or crashed with anything
 * else that is thrown. With `simulate`, the result with simulated noise must be within what the program predicts as well.
 */
export const judge = async (case_: Case, simulate = false): Promise<Judgement> => {
	try {
		return await attempt(case_, simulate);
	} catch (error) {
		if (!(error instanceof CompileError)) return { verdict: 'crashed', reason: String(error) };
		const reason = error.issues.map(({ code, message }) => `${code}: ${message}`).join(' | ');
		return { verdict: 'refused', reason };
	}
};

/** Operators whose elements do not mix, so that one without a number leaves the others alone. */
const ELEMENT_BY_ELEMENT = ['Cast'];

/** The case with 0 in the place of NaN and infinities, which are not encrypted, and NaN as what is expected there: not compared. */
const withNumbers = (case_: Case): Case => {
	const holes = [...case_.given.values()].flatMap(({ data }) =>
		Array.from(data, (value, i) => (Number.isFinite(value) ? [] : [i])).flat(),
	);
	if (holes.length === 0 || !ELEMENT_BY_ELEMENT.includes(case_.op)) return case_;
	const filled = (arrays: Case['given'], value: number): Case['given'] =>
		new Map(
			[...arrays].map(([name, { data, ...rest }]) => {
				const numbers = Float64Array.from(data);
				for (const i of holes) numbers[i] = value;
				return [name, { ...rest, data: numbers }];
			}),
		);
	return { ...case_, given: filled(case_.given, 0), expected: filled(case_.expected, Number.NaN) };
};

/** The model with the first of the accuracies that is reached. Throws CompileError. */
const compiledWithin = (
	[maxError, ...others]: readonly number[],
	model: Uint8Array,
	calibration: Samples,
): Compiled => {
	try {
		return compile(model, { calibration, ...(maxError === undefined ? {} : { maxError }) });
	} catch (error) {
		if (others.length > 0 && String(error).includes('was asked for')) return compiledWithin(others, model, calibration);
		throw error;
	}
};

const attempt = async (asWritten: Case, simulate: boolean): Promise<Judgement> => {
	const case_ = withNumbers(asWritten);
	const skipped = case_ !== asWritten;
	const inputs = new Map([...case_.given].map(([name, { data }]) => [name, data]));
	const { program, report } = compiledWithin(FIT_ERRORS, case_.model, calibrationOf(inputs));
	const fitted = report.activations.length > 0;
	const sample = new Map(
		program.client.inputs.map(({ name }): readonly [string, Float64Array] => [
			name,
			inputs.get(name) ?? new Float64Array(),
		]),
	);
	const [clear] = await evaluateLocally(program, 'clear', [sample]);
	const judgements = case_.outputs.map(({ name, type }): Judgement => {
		const [actual, expected] = [clear?.outputs.get(name), case_.expected.get(name)];
		if (actual === undefined || expected === undefined)
			return {
				verdict: 'wrong',
				reason: `output ${name}: ${actual === undefined ? 'missing' : 'no tensor of numbers'}`,
			};
		const part = ALLOWED[fitted ? 'fitted' : 'exact'] + (ROUNDING[type] ?? 0);
		return compareOutput(name, actual, expected, { ...case_.allowed, fitted, part, skipped });
	});
	const failed = judgements.find(({ verdict }) => verdict !== 'right');
	const warnings = [...report.warnings, ...(clear?.warnings ?? [])].join(' | ');
	if (failed !== undefined)
		return { ...failed, fitted, reason: `${failed.reason}${warnings && ` (warned: ${warnings})`}` };
	const noisy = simulate ? await noiseOf(program, sample) : undefined;
	if (noisy !== undefined) return { verdict: 'wrong', fitted, reason: noisy };
	return { verdict: 'right', fitted, error: Math.max(0, ...judgements.map(({ error = 0 }) => error)) };
};

/** What an output is right by: a part of its range or of its largest value, or what the suite allows each element. */
type Allowance = Case['allowed'] & { readonly fitted: boolean; readonly part: number; readonly skipped: boolean };

const compareOutput = (
	name: string,
	actual: NamedArray,
	expected: NamedArray,
	{ fitted, part, relative, absolute, skipped }: Allowance,
): Judgement => {
	if (String(actual.shape) !== String(expected.shape))
		return { verdict: 'wrong', reason: `output ${name}: shape [${actual.shape}] instead of [${expected.shape}]` };
	const unit = unitOf(expected.data.filter(Number.isFinite), fitted);
	let [error, worst] = [0, -1];
	expected.data.forEach((value, i) => {
		if (skipped && Number.isNaN(value)) return;
		const found = actual.data[i] as number;
		const off = Object.is(value, found) || value === found ? 0 : Math.abs(value - found);
		const asSuite = Number.isFinite(value) ? absolute + relative * Math.abs(value) : 0;
		if (off <= Math.max(part * unit, asSuite)) error = Math.max(error, off / unit);
		else if (worst < 0) worst = i;
	});
	if (worst < 0) return { verdict: 'right', error };
	const [found, value] = [actual.data[worst] as number, expected.data[worst] as number];
	const share = (100 * Math.abs(found - value)) / unit;
	const reason = `output ${name}: element ${worst} is ${found} instead of ${value}, off by ${share.toPrecision(2)} % of ${unit}`;
	return { verdict: 'wrong', reason };
};

/** The range of the values, or the largest where functions are exact or all values are the same. */
const unitOf = (values: Float64Array, fitted: boolean): number => {
	const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
	const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
	if (values.length === 0) return 1;
	return (fitted ? most - least : 0) || Math.max(Math.abs(least), Math.abs(most)) || 1;
};

/** Where simulated noise exceeds what the program predicts; undefined where it does not. */
const noiseOf = async (program: Program, sample: ReadonlyMap<string, Float64Array>): Promise<string | undefined> => {
	const [clear] = await evaluateLocally(program, 'clear', [sample]);
	const [noisy] = await evaluateLocally(program, 'simulate', [sample]);
	for (const { name, predictedError } of program.client.outputs) {
		const [exact, found] = [clear?.outputs.get(name)?.raw.data, noisy?.outputs.get(name)?.raw.data];
		const error = (exact ?? new Float64Array()).reduce(
			(a, v, i) => Math.max(a, Math.abs(v - (found?.[i] ?? Number.NaN))),
			0,
		);
		if (!(error <= REUNITED * predictedError))
			return `output ${name}: simulated noise of ${error}, predicted at most ${predictedError}`;
	}
	return undefined;
};
