import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Objective } from '../compiler/options.ts';
import type { EngineName } from '../runtime/plan.ts';
import type { OutputOptions } from './output.ts';

/** Options of everything that compiles a model. */
export type CompileArguments = OutputOptions & {
	readonly calibrate?: readonly string[];
	readonly inputRange?: readonly [number, number];
	readonly batch?: number | 'auto';
	readonly precision?: number;
	readonly security?: '128' | '192' | '256';
	readonly optimize?: Objective;
	/** What evaluates, or is to: programs are made fast on it. */
	readonly backend?: BackendName;
	readonly outputs?: readonly string[];
	readonly set?: readonly (readonly [string, number])[];
	readonly degree?: number;
	readonly maxError?: number;
	readonly accuracyBudget?: number;
	readonly maxLevels?: number;
	readonly compensation?: 'off';
	readonly masking?: 'on' | 'off';
	readonly maxpool?: 'average';
	readonly maxKeys?: number;
	readonly maxKeyBytes?: number;
	/** Weights that the client encrypts, by name. */
	readonly encrypt?: readonly string[];
	/** Inputs that stay in the clear: name=file. */
	readonly plain?: readonly string[];
};

export type BackendName = EngineName | 'simulate' | 'clear';

/** Options of everything that evaluates. */
export type EvaluationArguments = { readonly backend: BackendName; readonly threads: number };

/** Options of everything that evaluates what is encrypted. */
export type EngineArguments = { readonly backend: EngineName; readonly threads: number };

const integer =
	(low: number, what: string) =>
	(text: string): number => {
		const value = Number(text);
		if (!/^\d+$/.test(text) || value < low || !Number.isSafeInteger(value))
			throw new InvalidArgumentError(`${what}, at least ${low}.`);
		return value;
	};

export const wholeNumber = (low: number): ((text: string) => number) => integer(low, 'It takes a whole number');

const number = (text: string): number => {
	const value = Number(text);
	if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It takes a number.');
	return value;
};

const between =
	(low: number, high: number, parse: (text: string) => number) =>
	(text: string): number => {
		const value = parse(text);
		if (value < low || value > high) throw new InvalidArgumentError(`It takes a number from ${low} to ${high}.`);
		return value;
	};

const powerOfTwo = (text: string): number => {
	const value = wholeNumber(1)(text);
	if (!Number.isInteger(Math.log2(value))) throw new InvalidArgumentError('It takes a power of two.');
	return value;
};

/** 5000000, 5MB or 4.77MiB. */
export const byteCount = (text: string): number => {
	const [, digits, unit] = /^(\d+(?:\.\d+)?) ?(B|[kKMG]i?B)?$/.exec(text) ?? [];
	const bytes = Math.floor(Number(digits) * (UNITS.get((unit ?? 'B').toUpperCase()) ?? Number.NaN));
	if (!Number.isSafeInteger(bytes) || bytes < 1)
		throw new InvalidArgumentError('It takes a number of bytes, as 5000000 or 5MB.');
	return bytes;
};

const UNITS: ReadonlyMap<string, number> = new Map([
	...[['B', 1] as const, ['KB', 1e3] as const, ['MB', 1e6] as const, ['GB', 1e9] as const],
	...[['KIB', 2 ** 10] as const, ['MIB', 2 ** 20] as const, ['GIB', 2 ** 30] as const],
]);

const batch = (text: string): number | 'auto' => (text === 'auto' ? text : powerOfTwo(text));

const range = (text: string): readonly [number, number] => {
	const [low, high, ...rest] = text.split(',').map(number);
	if (low === undefined || high === undefined || rest.length > 0 || low > high)
		throw new InvalidArgumentError('It takes two numbers, the lower first: -1,1.');
	return [low, high];
};

const names = (text: string): readonly string[] => {
	const list = text.split(',').map((name) => name.trim());
	if (list.some((name) => name === '')) throw new InvalidArgumentError('It takes names with commas between.');
	return list;
};

/** Collects a repeated option. */
export const repeated = (text: string, known: readonly string[] | undefined): readonly string[] => [
	...(known ?? []),
	text,
];

const dimension = (
	text: string,
	known: readonly (readonly [string, number])[] | undefined,
): readonly (readonly [string, number])[] => {
	const at = text.lastIndexOf('=');
	if (at <= 0) throw new InvalidArgumentError('It takes the form name=value.');
	const name = text.slice(0, at);
	if (known?.some(([other]) => other === name)) throw new InvalidArgumentError(`'${name}' has a value already.`);
	return [...(known ?? []), [name, wholeNumber(1)(text.slice(at + 1))]];
};

/** Which name and which file, in a text with several '=', is known with the names of the inputs. */
const plainInput = (text: string, known: readonly string[] | undefined): readonly string[] => {
	if (text.indexOf('=') <= 0)
		throw new InvalidArgumentError(
			'It takes the form name=file.npy: an input that stays in the clear is a constant of the program, so its value is needed when it is compiled.',
		);
	return repeated(text, known);
};

export const addOutputOptions = (command: Command): Command =>
	command.option('--json', 'print the result as one JSON object').option('--quiet', 'no progress and no remarks');

export const addCompileOptions = (command: Command): Command =>
	command
		.option('--calibrate <file>', 'typical inputs, [name=]x.npy or x.npz; repeatable', repeated)
		.option('--input-range <low,high>', 'without calibration: where input elements lie (default: -1,1)', range)
		.option(
			'--batch <B>',
			'samples in one ciphertext, a power of two, or auto: as many as cost nothing (default: 1)',
			batch,
		)
		.option('--precision <bits>', 'bits of precision under encryption, 1 to 40 (default: 10)', between(1, 40, number))
		.addOption(
			new Option('--security <bits>', 'security against classical attacks (default: 128)').choices([
				'128',
				'192',
				'256',
			]),
		)
		.addOption(
			new Option('--optimize <what>', 'what to make cheap (default: latency)').choices([
				'latency',
				'throughput',
				'upload',
				'keys',
				'memory',
			]),
		)
		.option('--max-keys <k>', 'at most so many evaluation keys, at the price of more rotations', wholeNumber(1))
		.option('--max-key-bytes <bytes>', 'at most so many bytes of them, as 5000000 or 5MB', byteCount)
		.option('--outputs <names>', 'outputs to compute, with commas between (default: all)', names)
		.option('--set <dimension=value>', 'value of a symbolic dimension; repeatable', dimension)
		.option(
			'--degree <d>',
			'degree of every activation polynomial, 2 to 31 (default: chosen)',
			between(2, 31, wholeNumber(2)),
		)
		.option(
			'--max-error <e>',
			'error of the outputs from polynomials, 0.01 for 1 % (default: what keeps decisions)',
			between(1e-6, 1, number),
		)
		.option(
			'--accuracy-budget <points>',
			'points of accuracy that polynomials may cost, 0.02 to 20 (default: 0.2)',
			between(0.02, 20, number),
		)
		.option('--max-levels <k>', 'the most accurate polynomials within so many levels', wholeNumber(1))
		.addOption(
			new Option(
				'--compensation <what>',
				'leave the weights of layers behind polynomials as they are (default: fitted anew where that helps)',
			).choices(['off']),
		)
		.addOption(
			new Option(
				'--masking <what>',
				'whether outputs hold nothing but their elements; off may save a level, and shows something of the weights (default: on)',
			).choices(['on', 'off']),
		)
		.addOption(
			new Option(
				'--maxpool <what>',
				'what MaxPool is replaced by: another model, far less deep (default: kept)',
			).choices(['average']),
		)
		.option(
			'--encrypt <name>',
			'weights that the client encrypts as well, the name of an initializer: the server sees them no more; repeatable',
			repeated,
		)
		.option('--plain <name=file>', 'an input that stays in the clear, and its value: x.npy; repeatable', plainInput);

/** Where values of encrypted weights come from when the program is compiled already. */
export const addWeightsOption = (command: Command): Command =>
	command.option('--weights <model.onnx>', 'with a build directory: the model that encrypted weights are taken from');

/** What a program is compiled for where it is not evaluated at once. */
export const addTargetOption = (command: Command): Command =>
	command.addOption(
		new Option(
			'--backend <name>',
			'what it is made fast on: the WebAssembly kernel, or node-seal (default: kernel)',
		).choices(['kernel', 'seal']),
	);

export const addThreads = (command: Command, what: string): Command =>
	command.option('--threads <k>', what, wholeNumber(1), 1);

const EVALUATION_THREADS = 'threads of the evaluation by kernel, and of the encryption of hundreds of ciphertexts';

export const addEvaluationOptions = (command: Command): Command =>
	addThreads(
		command.addOption(
			new Option(
				'--backend <name>',
				'kernel and seal compute on ciphertexts, simulate adds the noise only, clear does neither',
			)
				.choices(['kernel', 'seal', 'simulate', 'clear'])
				.default('kernel'),
		),
		EVALUATION_THREADS,
	);

export const addEngineOptions = (command: Command): Command =>
	addThreads(
		command.addOption(
			new Option('--backend <name>', 'what computes: the WebAssembly kernel, or node-seal, several times slower')
				.choices(['kernel', 'seal'])
				.default('kernel'),
		),
		EVALUATION_THREADS,
	);
