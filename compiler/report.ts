import { everyOutput, type MemoryNeeds } from '../runtime/plan.ts';
import { inputLength, keySlots, messageLength, outputLength } from '../runtime/sizes.ts';
import { outputDifferences } from './calibration/outputs.ts';
import { totalBits } from './ckks/chain.ts';
import { type Kind, plainProductsOf } from './ckks/circuit.ts';
import { estimateSurroundings, type Surroundings } from './ckks/cost.ts';
import { type Why, whyOf } from './ckks/explain.ts';
import { memoryOn, totalMemory } from './codegen/budget.ts';
import { evaluationMilliseconds } from './codegen/times.ts';
import { type MaskingReport, maskingOf } from './masking.ts';
import { type CompileOptions, type TargetBackend, targetOf } from './options.ts';
import type { Stages } from './pipeline.ts';
import { type AccuracyReport, accuracyOf } from './report/accuracy.ts';
import { type KeyReport, keysOf } from './report/keys.ts';
import { type LayerReport, layersOf } from './report/layers.ts';
import type { Shape } from './tensor/graph.ts';
import type { ActivationFit } from './tensor/passes/fits.ts';
import type { Tradeoff } from './tradeoffs.ts';

type NamedShape = { readonly name: string; readonly shape: Shape };

/** One sample, encrypted, evaluated a few times and decrypted. Unlike all else in the report, not the same every time. */
export type Measured = {
	/** Milliseconds of what is done once: the server set up (the client takes as long), the evaluation keys made and loaded. */
	readonly setUpMs: number;
	readonly keygenMs: number;
	readonly loadKeysMs: number;
	readonly encryptMs: number;
	/** The first evaluation, which also encodes the constants, and the fastest of those after it. */
	readonly firstEvaluateMs: number;
	readonly evaluateMs: number;
	/** CPU time of that evaluation, which does not grow when other programs run beside it: what is predicted. */
	readonly evaluateCpuMs: number;
	readonly decryptMs: number;
	/** Of that evaluation, by the node that it comes from; what serves several is its first one's. */
	readonly layers: readonly { readonly origin: string; readonly milliseconds: number }[];
	/** The most bytes of the server's wasm heap; null where it cannot be seen. */
	readonly peakBytes: number | null;
	/** Bytes as sent. */
	readonly keyBytes: number;
	readonly uploadBytes: number;
	readonly downloadBytes: number;
	/** Absolute error of the outputs that encryption adds, and the precision that it leaves: log2(magnitude / error), of the worst output. */
	readonly encryptionError: number;
	readonly bits: number;
};

/** What was decided and why, as plain JSON: build/report.json. Bytes are bytes, times milliseconds of one thread. */
export type Report = {
	readonly model: {
		readonly name: string;
		readonly inputs: readonly NamedShape[];
		readonly outputs: readonly NamedShape[];
	};
	readonly fingerprint: string;
	readonly parameters: {
		readonly ringDegree: number;
		/** log2(QP), the special prime included. */
		readonly logQ: number;
		/** Bits of each prime, level 0 first, the special prime last. */
		readonly primes: readonly number[];
		readonly securityBits: number;
		readonly slots: number;
		readonly batch: number;
		/** Level of fresh ciphertexts. */
		readonly level: number;
		/** What the bits of the modulus are for, what the next smaller ring degree lacks and what would help: numbers, and text. */
		readonly why: Why;
	};
	readonly counts: {
		readonly rotations: number;
		readonly relinearizations: number;
		readonly plainProducts: number;
		readonly products: number;
		readonly rescales: number;
		readonly depth: number;
	};
	readonly keys: KeyReport;
	/** What the server holds: keys expanded from what is sent. */
	readonly memory: MemoryNeeds & { readonly total: number };
	/** Does the server keep encoded constants? Else they are no part of memory, and a part of the time of every evaluation. */
	readonly keepConstants: boolean;
	/** Bytes of the messages of one evaluation. */
	readonly traffic: { readonly uploadBytes: number; readonly downloadBytes: number };
	/** What times and memory are predicted for. */
	readonly backend: TargetBackend;
	readonly predicted: {
		/** Precision of the outputs: log2(magnitude / error), of the worst output. */
		readonly bits: number;
		/** Bound of the absolute error against the model itself: of encryption and, on the calibration samples, of approximation. */
		readonly error: number;
		/** The part of the error that encryption adds, and the precision that it leaves alone. */
		readonly encryptionError: number;
		readonly encryptionBits: number;
		readonly approximationError: number;
		/** Each evaluation after the first, on this backend and on each, and what surrounds it. */
		readonly evaluateMs: number;
		readonly evaluateMsOn: { readonly [B in TargetBackend]: number };
	} & Surroundings;
	readonly layers: readonly LayerReport[];
	readonly activations: readonly ActivationFit[];
	/** What polynomials do to accuracy, as seen on the calibration samples; only where there are any. */
	readonly accuracy?: AccuracyReport;
	readonly range: {
		readonly source: string;
		/** Can no accepted input leave the modulus? Else only inputs like those of the calibration cannot. */
		readonly guaranteed: boolean;
		readonly inputs: readonly { readonly name: string; readonly low: number; readonly high: number }[];
	};
	/** What the key owner finds in the slots of outputs beside their elements, and what it costs that there is nothing. */
	readonly masking: MaskingReport;
	/** What one encrypted run took, beside what was predicted; only with `compile --measure`. */
	readonly measured?: Measured;
	/** What other objectives would cost; only `compile` and `inspect` compare them. */
	readonly tradeoffs?: readonly Tradeoff[];
	readonly warnings: readonly string[];
};

export const reportOf = (stages: Stages, options: CompileOptions): Report => {
	const { imported, program, solution, approximated, knowledge } = stages;
	const { circuit } = solution;
	const { parameters } = circuit;
	const { backend } = targetOf(options);
	const count = (kind: Kind): number => circuit.ops.filter((op) => op.kind === kind).length;
	const { keepConstants } = program.server;
	const memory = memoryOn(program.server, backend, keepConstants);
	const times = timesOf(stages, backend);
	const accuracy = accuracyOf(stages, times.evaluateMs, options);
	const masking = maskingOf(stages, options);
	const source = knowledge.source === 'calibration' ? (options.calibrationSource ?? 'calibration') : 'assumed';
	return {
		model: {
			name: program.client.name,
			inputs: imported.inputs.map(({ name, shape }) => ({ name, shape })),
			outputs: everyOutput(program.client).map(({ name, shape }) => ({ name, shape })),
		},
		fingerprint: program.client.fingerprint,
		parameters: {
			ringDegree: parameters.ringDegree,
			logQ: rounded(totalBits(parameters)),
			primes: [...parameters.primes, parameters.specialPrime].map((prime) => rounded(Math.log2(prime))),
			securityBits: parameters.security,
			slots: parameters.ringDegree / 2,
			batch: program.client.batch,
			level: Math.max(...program.client.inputs.map(({ level }) => level)),
			why: whyOf(solution.modulus, parameters, stages.missed),
		},
		counts: {
			rotations: count('rotate'),
			relinearizations: count('relinearize'),
			plainProducts: circuit.ops.reduce((sum, op) => sum + plainProductsOf(op), 0),
			products: count('multiply'),
			rescales: count('rescale'),
			depth: stages.depth,
		},
		keys: keysOf(program.client, stages.keyLimit),
		memory: { ...memory, total: totalMemory(memory) },
		keepConstants,
		traffic: {
			uploadBytes: trafficOf(program.client.inputs, (level) => inputLength(parameters, level)),
			downloadBytes: trafficOf(program.client.outputs, (level) => outputLength(parameters, level)),
		},
		backend,
		predicted: { ...predictionOf(stages), ...times },
		layers: layersOf(stages, backend),
		activations: approximated.report.activations,
		...(accuracy === undefined ? {} : { accuracy }),
		range: {
			source,
			guaranteed: solution.guaranteed,
			inputs: program.client.inputs.map(({ name, range: [low, high] }) => ({ name, low, high })),
		},
		masking,
		warnings: [
			...imported.warnings,
			...stages.remarks,
			...approximated.report.warnings,
			...rangeWarnings(stages),
			...maskingWarnings(masking),
		],
	};
};

/** The largest error of polynomials on other inputs may be so much larger than on the calibration samples: they are few, and fitted to. */
const UNSEEN = 5;

/** Errors of the outputs before the tail, from encryption and from the polynomials, the latter as seen on samples. */
const predictionOf = (stages: Stages): Omit<Report['predicted'], keyof Times> => {
	const { approximated, split, core, knowledge } = stages;
	const exact = approximated.report.activations.length === 0;
	const approximation = exact ? new Map<string, number>() : outputDifferences(split.body, core, knowledge.samples);
	const outputs = stages.program.client.outputs.map(({ name, predictedError, magnitude }) => {
		const error = predictedError + UNSEEN * (approximation.get(name) ?? 0);
		const bitsOf = (e: number): number => Math.log2(Math.max(magnitude, e) / e);
		return { error, bits: bitsOf(error), encryptionBits: bitsOf(predictedError) };
	});
	return {
		bits: rounded(Math.min(...outputs.map(({ bits }) => bits))),
		error: Math.max(...outputs.map(({ error }) => error)),
		encryptionError: Math.max(...stages.program.client.outputs.map(({ predictedError }) => predictedError)),
		encryptionBits: rounded(Math.min(...outputs.map(({ encryptionBits }) => encryptionBits))),
		approximationError: UNSEEN * Math.max(0, ...approximation.values()),
	};
};

type Times = Surroundings & Pick<Report['predicted'], 'evaluateMs' | 'evaluateMsOn'>;

/** Predicted milliseconds, rounded to three digits. */
const timesOf = ({ solution: { circuit }, program }: Stages, backend: TargetBackend): Times => {
	const { keepConstants } = program.server;
	const on = (engine: TargetBackend): number => evaluationMilliseconds(circuit, program.server, engine, keepConstants);
	const [kernel, seal] = [on('kernel'), on('seal')];
	const evaluateMs = backend === 'seal' ? seal : kernel;
	const keyLevels = keySlots(program.client.keys).map(({ level }) => level);
	const around = estimateSurroundings(circuit, keyLevels, evaluateMs, keepConstants, backend);
	const rough = (ms: number): number => Number(ms.toPrecision(3));
	return {
		evaluateMs: rough(evaluateMs),
		evaluateMsOn: { kernel: rough(kernel), seal: rough(seal) },
		setUpMs: rough(around.setUpMs),
		keygenMs: rough(around.keygenMs),
		loadKeysMs: rough(around.loadKeysMs),
		encryptMs: rough(around.encryptMs),
		firstEvaluateMs: rough(around.firstEvaluateMs),
		decryptMs: rough(around.decryptMs),
	};
};

const rounded = (bits: number): number => Number(bits.toFixed(2));

const trafficOf = (
	ends: readonly { readonly parts: readonly unknown[]; readonly level: number }[],
	partLength: (level: number) => number,
): number => messageLength(ends.flatMap(({ parts, level }) => parts.map(() => partLength(level))));

const rangeWarnings = ({ knowledge, solution }: Stages): readonly string[] => {
	if (knowledge.source === 'calibration') return [];
	return [
		solution.guaranteed
			? 'There is no calibration: input ranges are assumed, and scales hold the worst case within them.'
			: 'There is no calibration: input ranges are assumed, and scales hold twice what random inputs and the ends of these ranges reach, for no parameters hold the bounds of interval arithmetic.',
	];
};

const maskingWarnings = ({ outputs }: MaskingReport): readonly string[] =>
	outputs
		.filter(({ how }) => how === 'left')
		.map(
			({ output, leftovers }) =>
				`Masking is off: up to ${leftovers} slots of output '${output}' hold partial sums, which tell the key owner something of the weights.`,
		);
