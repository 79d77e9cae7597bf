import { evaluationKeyBytes, inputLength, messageLength, outputLength } from '../runtime/sizes.ts';
import { outputDifferences } from './calibration/outputs.ts';
import { totalBits } from './ckks/chain.ts';
import type { CkksCircuit, Kind, Op } from './ckks/circuit.ts';
import { estimateMilliseconds } from './ckks/cost.ts';
import { deviations, visitNoise } from './ckks/noise.ts';
import { largest } from './numeric/vectors.ts';
import type { CompileOptions } from './options.ts';
import { describe } from './packing/layout.ts';
import type { Stages } from './pipeline.ts';
import type { PackedInputs } from './slots/evaluate.ts';
import type { Shape } from './tensor/graph.ts';
import type { ActivationFit } from './tensor/passes/approximate.ts';

type NamedShape = { readonly name: string; readonly shape: Shape };

/** One layer of the model, by the node it comes from. */
export type LayerReport = {
	readonly origin: string;
	/** The families of kernels that compute it, or what else it is. */
	readonly kind: string;
	/** Where its result lies, in words. */
	readonly layoutText: string;
	readonly rotations: number;
	readonly plainProducts: number;
	readonly products: number;
	/** Level of its result. */
	readonly level: number;
	/** Predicted precision of its result: log2(largest value / error bound). */
	readonly bits: number;
	/** Predicted time. */
	readonly milliseconds: number;
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
	};
	readonly counts: {
		readonly rotations: number;
		readonly relinearizations: number;
		readonly plainProducts: number;
		readonly products: number;
		readonly rescales: number;
		readonly depth: number;
	};
	/** Bytes as sent. */
	readonly keys: { readonly count: number; readonly bytes: number; readonly steps: readonly number[] };
	/** What the server holds: keys expanded from what is sent. */
	readonly memory: {
		readonly ciphertexts: number;
		readonly keys: number;
		readonly constants: number;
		readonly total: number;
	};
	/** Bytes of the messages of one evaluation. */
	readonly traffic: { readonly uploadBytes: number; readonly downloadBytes: number };
	readonly predicted: {
		/** Precision of the outputs: log2(magnitude / error), of the worst output. */
		readonly bits: number;
		/** Bound of the absolute error against the model itself: of encryption and, on the calibration samples, of approximation. */
		readonly error: number;
		readonly encryptionError: number;
		readonly approximationError: number;
		readonly evaluateMs: number;
	};
	readonly layers: readonly LayerReport[];
	readonly activations: readonly ActivationFit[];
	/** Part of the calibration samples whose decisions the polynomials keep. */
	readonly agreement: number | undefined;
	readonly range: {
		readonly source: string;
		/** Can no accepted input leave the modulus? Else only inputs like those of the calibration cannot. */
		readonly guaranteed: boolean;
		readonly inputs: readonly { readonly name: string; readonly low: number; readonly high: number }[];
	};
	readonly warnings: readonly string[];
};

export const reportOf = (stages: Stages, options: CompileOptions): Report => {
	const { imported, program, solution, approximated, knowledge } = stages;
	const { circuit } = solution;
	const { parameters } = circuit;
	const count = (kind: Kind): number => circuit.ops.filter((op) => op.kind === kind).length;
	const keyCount = program.server.keys.steps.length + (program.server.keys.relinearization ? 1 : 0);
	const { memory } = program.server;
	const source = knowledge.source === 'calibration' ? (options.calibrationSource ?? 'calibration') : 'assumed';
	return {
		model: {
			name: program.client.name,
			inputs: imported.inputs.map(({ name, shape }) => ({ name, shape })),
			outputs: program.client.outputs.map(({ name, shape }) => ({ name, shape })),
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
		},
		counts: {
			rotations: count('rotate'),
			relinearizations: count('relinearize'),
			plainProducts: count('multiplyPlain'),
			products: count('multiply'),
			rescales: count('rescale'),
			depth: stages.depth,
		},
		keys: { count: keyCount, bytes: evaluationKeyBytes(program.client), steps: program.server.keys.steps },
		memory: { ...memory, total: memory.ciphertexts + memory.keys + memory.constants },
		traffic: {
			uploadBytes: trafficOf(program.client.inputs, (level) => inputLength(parameters, level)),
			downloadBytes: trafficOf(program.client.outputs, (level) => outputLength(parameters, level)),
		},
		predicted: { ...predictionOf(stages), evaluateMs: Math.round(estimateMilliseconds(circuit)) },
		layers: layersOf(stages),
		activations: approximated.report.activations,
		agreement: approximated.report.agreement?.decisions,
		range: {
			source,
			guaranteed: solution.guaranteed,
			inputs: program.client.inputs.map(({ name, range: [low, high] }) => ({ name, low, high })),
		},
		warnings: [...approximated.report.warnings, ...rangeWarnings(stages)],
	};
};

/** Errors of the outputs before the tail, from encryption and from the polynomials, the latter as seen on samples. */
const predictionOf = (stages: Stages): Omit<Report['predicted'], 'evaluateMs'> => {
	const approximation = outputDifferences(stages.split.body, stages.core, stages.knowledge.samples);
	const outputs = stages.program.client.outputs.map(({ name, predictedError, magnitude }) => {
		const error = predictedError + (approximation.get(name) ?? 0);
		return { error, bits: Math.log2(Math.max(magnitude, error) / error) };
	});
	return {
		bits: rounded(Math.min(...outputs.map(({ bits }) => bits))),
		error: Math.max(...outputs.map(({ error }) => error)),
		encryptionError: Math.max(...stages.program.client.outputs.map(({ predictedError }) => predictedError)),
		approximationError: Math.max(0, ...approximation.values()),
	};
};

const rounded = (bits: number): number => Number(bits.toFixed(2));

const trafficOf = (
	ends: readonly { readonly parts: readonly unknown[]; readonly level: number }[],
	partLength: (level: number) => number,
): number => messageLength(ends.flatMap(({ parts, level }) => parts.map(() => partLength(level))));

const rangeWarnings = ({ knowledge }: Stages): readonly string[] =>
	knowledge.source === 'calibration'
		? []
		: ['There is no calibration: input ranges are assumed, and scales hold the worst case within them.'];

/** Layers in the order of their results; what one node became (several affine maps of a polynomial, say) is one layer. */
const layersOf = (stages: Stages): readonly LayerReport[] => {
	const { core, packing, solution } = stages;
	const { circuit } = solution;
	const precisions = precisionsOf(circuit, solution.samples[0] ?? new Map());
	const origins = [...new Set(core.nodes.map(({ origin }) => origin))];
	return origins.flatMap((origin) => {
		const nodes = core.nodes.flatMap((node, id) =>
			node.origin === origin ? [{ node, choice: packing.choices[id] }] : [],
		);
		const families = nodes.flatMap(({ node, choice }) => (choice?.kind === 'map' ? [choice.map.family] : [node.kind]));
		const last = nodes[nodes.length - 1]?.choice;
		const ops = circuit.ops.map((op, id) => ({ op, id })).filter(({ op }) => op.origin === origin);
		const result = ops[ops.length - 1];
		if (last === undefined || result === undefined) return [];
		const count = (kind: Kind): number => ops.filter(({ op }) => op.kind === kind).length;
		return [
			{
				origin,
				kind: [...new Set(families)].join(', '),
				layoutText: describe(last.layout),
				rotations: count('rotate'),
				plainProducts: count('multiplyPlain'),
				products: count('multiply'),
				level: result.op.level,
				bits: rounded(precisions[result.id] ?? 0),
				milliseconds: Number(estimateMilliseconds(partOf(circuit, ops)).toFixed(1)),
			},
		];
	});
};

const partOf = (circuit: CkksCircuit, ops: readonly { readonly op: Op }[]): CkksCircuit => ({
	...circuit,
	ops: ops.map(({ op }) => op),
});

/** log2(largest value / error bound) of every value; 0 where the sample is all zero. */
const precisionsOf = (circuit: CkksCircuit, sample: PackedInputs): readonly number[] => {
	const precisions: number[] = [];
	visitNoise(circuit, sample, (_, value, variance) => {
		const [most, error] = [largest(value), deviations(value.length) * Math.sqrt(largest(variance))];
		precisions.push(most === 0 ? 0 : Math.log2(most / error));
	});
	return precisions;
};
