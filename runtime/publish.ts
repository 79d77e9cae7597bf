import { decisionOf } from './decision.ts';
import { type Draw, discreteGaussian, drawSecurely } from './discreteGaussian.ts';
import { RefusedError } from './errors.ts';
import type { ClientProgram, OutputPacking } from './plan.ts';
import type { OutputTensor, Result } from './results.ts';
import { applyTail, type Tensor } from './tail.ts';

/**
 * What of a result may be shared with those who may hold its ciphertext, as the server does. A decrypted value carries the noise of
 * the encryption, and noise and ciphertext together give linear equations of the secret key (Li and Micciancio, ia.cr/2020/1533).
 * The three ways keep the noise out of what is shared; SECURITY.md says what each promises and what none does.
 */

/** How finely values are wanted: multiples of 10^-digits or of 2^-bits. Both may be negative. */
export type Precision =
	| { readonly digits: number; readonly bits?: undefined }
	| { readonly bits: number; readonly digits?: undefined };
type NoPrecision = { readonly digits?: undefined; readonly bits?: undefined };

export type PublishOptions<Output extends string = string> = (
	| { readonly mode: 'decision' }
	| ({ readonly mode: 'round' } & Precision)
	/** Without a precision: as fine as the added noise makes sense of. */
	| ({ readonly mode: 'flood' } & (Precision | NoPrecision))
) & {
	/** Names of the outputs that are to be shared; default: all of them. Fewer values take less noise. */
	readonly outputs?: readonly Output[] | undefined;
};

/** How often results under one key were shared, and how often that was refused for what noise would have decided. */
export type Publications = {
	readonly decided: number;
	readonly rounded: number;
	readonly flooded: number;
	readonly refused: number;
};

export type PublishingOptions = {
	/** Publications of this key before, by a client that is gone: what its `publications` said. Default: none. */
	readonly done?: Publications | undefined;
	/** The most floodings under this key, and the most refusals; default 2^10. Four times as many cost one bit of precision. */
	readonly most?: number | undefined;
};

export type Published<Output extends string = string> = {
	/** After the tail, computed from nothing but what may be shared; a decision is an index along an axis, or 0 or 1. */
	readonly outputs: ReadonlyMap<Output, Tensor>;
	/** How far the values before the tail may be from the decrypted ones: half a step, or the standard deviation of what was added. */
	readonly spread: ReadonlyMap<Output, number>;
};

const MODES: readonly string[] = ['decision', 'round', 'flood'] satisfies PublishOptions['mode'][];
const NONE: Publications = { decided: 0, rounded: 0, flooded: 0, refused: 0 };
const MOST = 2 ** 10;

/**
 * What is taken for the largest error is so many times the predicted bound, which is at least 6 standard deviations: of errors with
 * the tails of a Laplace distribution (runtime/noise.ts) exp(-18 sqrt(2)), one in 10^11, is larger.
 */
const SAFETY = 3;

/** A step has at least so many times the largest error: of values anywhere, one in 32 at most is too near to a turning point. */
const COARSER = 64;

/** s: all floodings together are within sqrt(2^-s / 48) of what needs no key to be made, in total variation. */
const STATISTICAL_BITS = 30;

/** Steps of the grid that flooded values lie on, in the largest error: at least 8. */
const GRID = 8;

const refuse = (why: string, hint: string): never => {
	throw new RefusedError('publish', why, hint);
};

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

/** The largest error of an element before the tail, in practice. */
const errorOf = ({ name, predictedError }: OutputPacking): number => {
	if (!(predictedError > 0 && Number.isFinite(predictedError)))
		throw new RefusedError('program', `the program predicts no error of output '${name}'`, 'Compile the model again.');
	return SAFETY * predictedError;
};

/** step = 1 / perUnit: decimal numbers come out as they are written. */
const perUnitOf = ({ digits, bits }: Precision | NoPrecision): number | undefined => {
	if (digits === undefined && bits === undefined) return undefined;
	const [base, exponent] = digits === undefined ? [2, bits] : [10, digits];
	if (digits !== undefined && bits !== undefined)
		throw new RefusedError('misuse', 'a precision is given in digits or in bits, not in both');
	if (!Number.isInteger(exponent) || Math.abs(Number(exponent) * Math.log2(base)) > 60)
		throw new RefusedError(
			'misuse',
			`a precision of ${exponent} ${base === 2 ? 'bits' : 'digits'} cannot be asked for`,
		);
	return base ** Number(exponent);
};

/** The output with the values before the tail replaced. */
const withRaw = ({ encryptedShape, tail }: OutputPacking, data: Float64Array): Tensor => {
	const { shape, data: values } = applyTail({ shape: encryptedShape, data }, tail);
	return { shape, data: values };
};

type Chosen = { readonly output: OutputPacking; readonly raw: Tensor };
type Made = { readonly tensor: Tensor; readonly spread: number };

const decide = ({ output, raw }: Chosen): Made | 'too near' => {
	const found = decisionOf(raw, output.tail);
	if (found === undefined)
		return refuse(`output '${output.name}' has no decision`, "Round it: publish(result, { mode: 'round', digits })");
	return found.gap > errorOf(output) ? { tensor: found.decided, spread: 0 } : 'too near';
};

/** Multiples of the step: those of the exact values too, since none is nearer to a turning point than errors are large. */
const round = ({ output, raw }: Chosen, perUnit: number): Made | 'too near' => {
	const error = errorOf(output);
	const least = COARSER * error;
	if (1 / perUnit < least)
		refuse(
			`output '${output.name}' is known to ${error.toPrecision(2)} only, and may be rounded to multiples of ${least.toPrecision(2)} or more, not of ${1 / perUnit}`,
			'Ask for fewer digits, or compile with a higher --precision.',
		);
	const data = new Float64Array(raw.data.length);
	for (const [i, value] of raw.data.entries()) {
		const steps = value * perUnit;
		if ((0.5 - Math.abs(steps - Math.round(steps))) / perUnit <= error) return 'too near';
		data[i] = (Math.round(steps) || 0) / perUnit;
	}
	return { tensor: withRaw(output, data), spread: 0.5 / perUnit };
};

/**
 * x + z on a grid of g = 2^k, z discrete Gaussian of deviation sigma g. With d the largest error in steps of the grid, the Kullback-Leibler
 * divergence from what the exact value gives is at most d^2 / (2 sigma^2) a value (rounding to the grid is in d), so for m values
 * in each of tau publications tau m d^2 / (2 sigma^2), and with sigma = sqrt(12 tau m) 2^(s/2) d at most 2^-s / 24. The distance in total
 * variation is at most the square root of half of it (Pinsker).
 */
const flood = (
	{ output, raw }: Chosen,
	perUnit: number | undefined,
	values: number,
	most: number,
	draw: Draw,
): Made => {
	const error = errorOf(output);
	const grid = 2 ** Math.floor(Math.log2(error / GRID));
	const reach = Math.ceil(error / grid) + 1;
	const sigma = Math.ceil(Math.sqrt(12 * most * values) * 2 ** (STATISTICAL_BITS / 2) * reach);
	const spread = sigma * grid;
	const coarsest = perUnit === undefined ? output.magnitude / 2 : 1 / perUnit;
	if (!(spread <= coarsest))
		refuse(
			`flooding output '${output.name}' takes noise of ${spread.toPrecision(2)}, more than ${coarsest.toPrecision(2)}`,
			`Share the decision alone, or fewer outputs, or compile with a --precision of ${Math.ceil(Math.log2(spread / coarsest))} bits more.`,
		);
	const data = raw.data.map((value) => {
		const flooded = (Math.round(value / grid) + discreteGaussian(sigma, draw)) * grid;
		return perUnit === undefined ? flooded : (Math.round(flooded * perUnit) || 0) / perUnit;
	});
	return { tensor: withRaw(output, data), spread };
};

/** Shares results under one key, and counts. Whoever uses the key in several places has to add up their counts. */
export class Publisher {
	readonly #program: Pick<ClientProgram, 'outputs'>;
	readonly #most: number;
	readonly #draw: Draw;
	#done: Publications;

	constructor(
		program: Pick<ClientProgram, 'outputs'>,
		{ done = NONE, most = MOST }: PublishingOptions = {},
		draw: Draw = drawSecurely,
	) {
		if (!isCount(most) || most === 0 || !Object.keys(NONE).every((name) => isCount(done[name as keyof Publications])))
			throw new RefusedError('misuse', 'publications are counted in whole numbers');
		this.#program = program;
		this.#done = { ...done };
		this.#most = most;
		this.#draw = draw;
	}

	/** To be kept with the secret key where that outlives the client. */
	get publications(): Publications {
		return this.#done;
	}

	/**
	 * What may be shared of a result. `decision`: which class, or whether above one half. `round`: multiples of a step of at least 64 times
	 * the largest error. Both are what the exact result would give, so the noise is not in them; where it is too near to decide,
	 * nothing is shared (RefusedError 'publish'), and that is counted. `flood`: values plus discrete Gaussian noise that hides the
	 * encryption's in `most` publications, at a cost of some 24 bits of precision. Throws RefusedError 'publish' for an
	 * implausible result, a precision that the noise does not allow and a count that is used up, 'misuse' for what is no result of this program.
	 */
	publish(result: Result, options: PublishOptions): Published {
		if (result.warnings.length > 0)
			refuse('an implausible result is not shared', 'It says more of the noise than of the input: drop it.');
		if (!MODES.includes(options.mode)) throw new RefusedError('misuse', `there is no way to publish '${options.mode}'`);
		const chosen = this.#chosen(result, options.outputs);
		this.#checkCount(options.mode);
		const made = this.#made(chosen, options);
		const known = [...result.outputs].filter(
			([name]) =>
				this.#isWanted(name, options.outputs) && !this.#program.outputs.some((output) => output.name === name),
		);
		return {
			outputs: new Map([
				...chosen.map(({ output }, k) => [output.name, (made[k] as Made).tensor] as const),
				...known.map(([name, { shape, data }]) => [name, { shape, data }] as const),
			]),
			spread: new Map(chosen.map(({ output }, k) => [output.name, (made[k] as Made).spread])),
		};
	}

	/** The values of each output in the way asked for. Counts as soon as anyone may learn something. */
	#made(chosen: readonly Chosen[], options: PublishOptions): readonly Made[] {
		if (options.mode === 'flood') {
			const perUnit = perUnitOf(options);
			const values = chosen.reduce((sum, { raw }) => sum + raw.data.length, 0);
			const made = chosen.map((one) => flood(one, perUnit, values, this.#most, this.#draw));
			this.#count('flooded');
			return made;
		}
		const perUnit = options.mode === 'round' ? perUnitOf(options) : undefined;
		if (options.mode === 'round' && perUnit === undefined)
			throw new RefusedError('misuse', 'rounding needs a precision, in digits or in bits');
		const made = chosen.map((one) => (perUnit === undefined ? decide(one) : round(one, perUnit)));
		if (made.includes('too near')) {
			this.#count('refused');
			refuse(
				'the noise of the encryption would decide what is shared',
				'Share nothing of this result, or flood it; asking again with the same input does not help.',
			);
		}
		this.#count(perUnit === undefined ? 'decided' : 'rounded');
		return made as readonly Made[];
	}

	/** The outputs that are wanted, with the values that were decrypted. */
	#chosen(result: Result, names: readonly string[] | undefined): readonly Chosen[] {
		const unknown = names?.find((name) => !result.outputs.has(name));
		if (unknown !== undefined) throw new RefusedError('misuse', `the result has no output '${unknown}'`);
		return this.#program.outputs
			.filter(({ name }) => this.#isWanted(name, names))
			.map((output) => ({ output, raw: this.#rawOf(output, result.outputs.get(output.name)) }));
	}

	#isWanted(name: string, names: readonly string[] | undefined): boolean {
		return names === undefined || names.includes(name);
	}

	#rawOf({ name, encryptedShape }: OutputPacking, tensor: OutputTensor | undefined): Tensor {
		const size = encryptedShape.reduce((product, d) => product * d, 1);
		const raw = tensor?.raw;
		if (raw?.data.length !== size || !raw.data.every(Number.isFinite))
			throw new RefusedError(
				'misuse',
				`this is no result of the program: output '${name}' is missing or has other values`,
			);
		return { shape: encryptedShape, data: raw.data };
	}

	#checkCount(mode: PublishOptions['mode']): void {
		const { flooded, refused } = this.#done;
		if (mode === 'flood' && flooded >= this.#most)
			refuse(`${flooded} results under this key were flooded already, as many as the noise was made for`, NEW_KEY);
		if (refused >= this.#most) refuse(`what was refused says too much already, after ${refused} times`, NEW_KEY);
	}

	#count(what: keyof Publications): void {
		this.#done = { ...this.#done, [what]: this.#done[what] + 1 };
	}
}

const NEW_KEY = 'Make a new key set.';
