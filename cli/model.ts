import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, sep } from 'node:path';
import { refuse } from '../compiler/errors.ts';
import { type Compiled, compile } from '../compiler/index.ts';
import { importModel, inputNames } from '../compiler/onnx/import.ts';
import type { CompileContext, CompileOptions, Samples } from '../compiler/options.ts';
import { assignArrays, givenArrays, type KnownNames, type NamedArray, samplesIn } from './arrays.ts';
import { debugObserver, type Observe } from './debug.ts';
import type { CompileArguments } from './options.ts';
import type { Output } from './output.ts';
import { readFile } from './readFile.ts';
import { exposureOf, type ShownReport } from './report/exposure.ts';
import type { Weights } from './weights.ts';

export type ModelFile = {
	readonly path: string;
	readonly bytes: Uint8Array;
	readonly readExternal: (location: string) => Uint8Array;
};
export type Port = { readonly name: string; readonly shape: readonly number[] };

/** What the report calls ranges that are those of a run's own samples. */
export const GIVEN_INPUT = 'the given input';

/** A model, or a file that it keeps data in, may be as large. */
const MOST_MODEL_BYTES = 700_000_000;

/** Samples of a run serve as calibration up to this number. */
const enough = 256;

/** Reads files below the model's folder; a location that leads out of it, through a link too, is refused. */
const externalReader =
	(model: string) =>
	(location: string): Uint8Array => {
		const out = (): never =>
			refuse({
				code: 'file',
				message: `The model keeps data in "${location}", which is not below its own folder.`,
				hint: 'Put the data file beside the model and save its name only.',
			});
		if (isAbsolute(location) || location.includes('\0')) out();
		const folder = realpathSync(dirname(model));
		const path = join(folder, location);
		if (!path.startsWith(folder + sep)) out();
		if (!existsSync(path))
			refuse({
				code: 'file',
				message: `The model keeps data in "${location}", which does not exist beside it.`,
				hint: 'Copy the data file together with the model.',
			});
		const real = realpathSync(path);
		if (!real.startsWith(folder + sep)) out();
		if (!statSync(real).isFile())
			refuse({
				code: 'file',
				message: `The model keeps data in "${location}", which is no file.`,
				hint: 'Put a file of that name beside the model.',
			});
		return readFile(real, MOST_MODEL_BYTES);
	};

export const readModel = (path: string): ModelFile => ({
	path,
	bytes: readFile(path, MOST_MODEL_BYTES),
	readExternal: externalReader(path),
});

/** Samples for each of the ports from `[name=]file` arguments, equally many for each. */
export const readSamples = (files: readonly string[], ports: readonly Port[], plain: KnownNames = {}): Samples =>
	sampleArrays(assignArrays(files, ports.map(({ name }) => name), 'input', plain), ports); // biome-ignore format: one thought

const sampleArrays = (arrays: ReadonlyMap<string, NamedArray>, ports: readonly Port[]): Samples => {
	const samples = new Map(
		ports.map(({ name, shape }) => [name, samplesIn(arrays.get(name) as NamedArray, shape, name)] as const),
	);
	const counts = new Set([...samples.values()].map((list) => list.length));
	if (counts.size > 1) {
		const each = [...samples].map(([name, list]) => `"${name}" ${list.length}`).join(', ');
		refuse({ code: 'calibration', message: `The inputs have different numbers of samples: ${each}.` });
	}
	return samples;
};

/** The calibration file that lies beside a model: model.onnx -> model.calibration.npy or .npz. */
const beside = (model: string): string | undefined =>
	['.npy', '.npz']
		.map((extension) => `${model.replace(/\.onnx$/i, '')}.calibration${extension}`)
		.find((path) => existsSync(path));

/** Where ranges come from: --calibrate, --input-range, the file beside the model, the given samples, or nowhere. */
const calibrate = (
	model: ModelFile,
	given: CompileArguments,
	inputs: Inputs,
	output: Output,
	data: Samples | undefined,
): Pick<CompileOptions, 'calibration' | 'calibrationSource' | 'inputRange'> => {
	const read = (files: readonly string[]): Samples =>
		readSamples(files, inputs.ports, {
			plain: [...inputs.plain.keys()],
			encrypted: [...inputs.weights.keys()],
			passOver: true,
		});
	if (given.calibrate !== undefined)
		return {
			calibration: read(given.calibrate),
			calibrationSource: given.calibrate.map((file) => basename(file)).join(', '),
		};
	if (given.inputRange !== undefined) return { inputRange: given.inputRange };
	const file = beside(model.path);
	if (file !== undefined) {
		output.note(`Ranges are taken from ${file}, which lies beside the model.`);
		return { calibration: read([file]), calibrationSource: basename(file) };
	}
	if (data !== undefined) {
		output.note('There is no calibration: ranges are taken from the given input.');
		const calibration = new Map([...data].map(([name, list]) => [name, list.slice(0, enough)] as const));
		return { calibration, calibrationSource: GIVEN_INPUT };
	}
	output.note('There is no calibration: every input element is assumed to lie in [-1, 1] (see --calibrate).');
	return {};
};

const dimensionsOf = (given: CompileArguments): ReadonlyMap<string, number> => new Map(given.set ?? []);

/** The values of the inputs that stay in the clear. */
const plainOf = (model: ModelFile, { plain }: CompileArguments): ReadonlyMap<string, NamedArray> =>
	plain === undefined ? new Map() : givenArrays(plain, inputNames(model.bytes), 'input');

/** The inputs of a model: names and static shapes of those that users give, and values of those that have one. */
type Inputs = {
	readonly ports: readonly Port[];
	/** In the clear. */
	readonly plain: ReadonlyMap<string, NamedArray>;
	/** Encrypted, with the values that the model has. */
	readonly weights: Weights;
};

export const inputsOf = (model: ModelFile, given: CompileArguments): Inputs => {
	const plain = plainOf(model, given);
	const { inputs } = importModel(
		model.bytes,
		{
			dimensions: dimensionsOf(given),
			plain,
			...(given.encrypt === undefined ? {} : { encrypt: given.encrypt }),
			...(given.outputs === undefined ? {} : { outputs: given.outputs }),
		},
		{ readExternal: model.readExternal },
	);
	const weights = new Map(
		inputs.flatMap((input) => (input.weights === undefined ? [] : [[input.name, input.weights] as const])),
	);
	return { ports: inputs.filter(({ name }) => !weights.has(name)), plain, weights };
};

type Surroundings = {
	/** The samples of a run, used when nothing else calibrates. */
	readonly data?: Samples;
	readonly observe?: Observe;
};

const encryptedNote = (names: readonly string[]): string =>
	`The client encrypts the weights ${names.map((name) => `"${name}"`).join(', ')} as well; who has its key can read them.`;

/** Compiles with the options of the command line. */
export const compileModel = (
	model: ModelFile,
	given: CompileArguments,
	output: Output,
	{ data, observe }: Surroundings = {},
): { readonly compiled: Compiled; readonly compileMs: number } => {
	const inputs = inputsOf(model, given);
	const { plain, weights } = inputs;
	for (const [name, { shape }] of plain)
		output.note(
			`The input "${name}" [${shape.join(', ')}] stays in the clear: its value is a constant of the program.`,
		);
	if (weights.size > 0) output.note(encryptedNote([...weights.keys()]));
	const { batch, precision, security, optimize, backend, outputs, maxpool, maxKeys, maxKeyBytes } = given;
	const { degree, maxError, accuracyBudget, maxLevels, compensation, masking } = given;
	const options: CompileOptions = {
		...calibrate(model, given, inputs, output, data),
		name: basename(model.path).replace(/\.onnx$/i, ''),
		dimensions: dimensionsOf(given),
		plain,
		...(given.encrypt === undefined ? {} : { encrypt: given.encrypt }),
		...(batch === undefined ? {} : { batch }),
		...(precision === undefined ? {} : { precision }),
		...(security === undefined ? {} : { security: Number(security) as 128 | 192 | 256 }),
		...(optimize === undefined ? {} : { optimize }),
		// Programs for the clear and simulate backends are those for the kernel.
		...(backend === 'seal' ? { backend } : {}),
		...(outputs === undefined ? {} : { outputs }),
		...(degree === undefined ? {} : { degree }),
		...(maxError === undefined ? {} : { maxError }),
		...(accuracyBudget === undefined ? {} : { accuracyBudget }),
		...(maxLevels === undefined ? {} : { maxLevels }),
		...(compensation === 'off' ? { compensation: false } : {}),
		...(masking === 'off' ? { masking: false } : {}),
		...(maxpool === undefined ? {} : { maxpool }),
		...(maxKeys === undefined ? {} : { maxKeys }),
		...(maxKeyBytes === undefined ? {} : { maxKeyBytes }),
	};
	const observers = [observe, debugObserver()].filter((see) => see !== undefined);
	const observeAll: Observe = (event) => {
		for (const see of observers) see(event);
	};
	const context: CompileContext = {
		onProgress: output.progress,
		readExternal: model.readExternal,
		...(observers.length === 0 ? {} : { observe: observeAll }),
	};
	const start = performance.now();
	const compiled = compile(model.bytes, options, context);
	output.settle();
	return { compiled, compileMs: performance.now() - start };
};

/** The report with who sees what, what masking costs and what other objectives would: only commands that show it work it out. */
export const comparedReport = ({ program, report, tradeoffs, maskingPrice }: Compiled): ShownReport => {
	const price = maskingPrice();
	const masking = price === undefined ? report.masking : { ...report.masking, price };
	return { ...report, masking, exposure: exposureOf(program), tradeoffs: tradeoffs() };
};
