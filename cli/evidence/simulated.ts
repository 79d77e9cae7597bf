import { deviations, visitNoise } from '../../compiler/ckks/noise.ts';
import { largest } from '../../compiler/numeric/vectors.ts';
import type { Stages } from '../../compiler/pipeline.ts';
import { operandsOf } from '../../compiler/slots/circuit.ts';
import type { Backend } from '../../runtime/backend.ts';
import { ClearBackend, type ClearCiphertext, type ClearPlaintext } from '../../runtime/backends/clear.ts';
import { SimulateBackend } from '../../runtime/backends/simulate.ts';
import { Constants } from '../../runtime/constants.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { Executor } from '../../runtime/execute.ts';
import { expanded, type SimpleProgram } from '../../runtime/expand.ts';
import { packSamples, type Sample } from '../../runtime/inputs.ts';
import type { InputPacking } from '../../runtime/plan.ts';
import { bitsOf, Differences } from './errors.ts';

/** What the noise of encryption does to a layer, over all slots of what others read of it. */
export type LayerNoise = {
	readonly origin: string;
	/** rms(simulated - clear) / rms(clear - mean(clear)); null where that has no meaning. */
	readonly relativeError: number | null;
	/** log2(largest value / error) of the largest error, and of its predicted bound; null without error. */
	readonly bits: number | null;
	readonly predictedBits: number | null;
};

/** Ciphertexts that are looked at of one layer. */
const MOST_RESULTS = 16;
const SEED = 1;

/**
 * The program run twice on the same samples, which share their ciphertexts, with the noise of encryption and without: what it
 * does to each layer. No key is needed. Undefined where the values leave the modulus. Cost: two evaluations on local backends.
 */
export const layerNoise = async (
	stages: Stages,
	samples: readonly Sample[],
): Promise<readonly LayerNoise[] | undefined> => {
	const { parameters, keys } = stages.program.server;
	const simple = expanded(stages.program.server);
	const results = resultsByLayer(stages, simple);
	const wanted = new Set([...results.values()].flat());
	try {
		const exact = await valuesAt(stages, simple, new ClearBackend(parameters, keys), samples, wanted);
		const found = await valuesAt(stages, simple, new SimulateBackend(parameters, keys, SEED), samples, wanted);
		const bounds = boundsOf(stages);
		return [...results].map(([origin, instructions]) => {
			const bound = instructions.reduce((most, index) => Math.max(most, bounds[stages.sources[index] ?? -1] ?? 0), 0);
			return noiseOf(origin, instructions, exact, found, bound);
		});
	} catch (error) {
		if (error instanceof RefusedError && error.code === 'input') return undefined;
		throw error;
	}
};

type Values = ReadonlyMap<number, Float64Array>;

const noiseOf = (
	origin: string,
	instructions: readonly number[],
	exact: Values,
	found: Values,
	bound: number,
): LayerNoise => {
	const differences = new Differences();
	for (const index of instructions)
		differences.add(exact.get(index) ?? new Float64Array(), found.get(index) ?? new Float64Array());
	return {
		origin,
		relativeError: differences.relative?.rms ?? null,
		bits: bitsOf(differences.largest, differences.absolute.max),
		predictedBits: bitsOf(differences.largest, bound),
	};
};

/** The predicted bound of the error of every operation, on the samples that noise is predicted on. */
const boundsOf = ({ solution: { circuit, samples } }: Stages): readonly number[] => {
	const bounds: number[] = [];
	visitNoise(circuit, samples[0] ?? new Map(), (_, value, variance) => {
		bounds.push(deviations(value.length) * Math.sqrt(largest(variance)));
	});
	return bounds;
};

/** For each layer, the instructions that make what other layers read of it, or else its last one. */
const resultsByLayer = (
	{ solution: { circuit }, sources }: Stages,
	simple: SimpleProgram,
): ReadonlyMap<string, readonly number[]> => {
	const { ops, outputs } = circuit;
	const read = new Set([
		...ops.flatMap((op) => operandsOf(op).filter((id) => ops[id]?.origin !== op.origin)),
		...outputs.flatMap(({ parts }) => parts),
	]);
	const computed = simple.sources.filter((_, i) => !['input', 'output'].includes(simple.instructions[i]?.op ?? ''));
	const layers = Map.groupBy(new Set(computed), (index) => ops[sources[index] as number]?.origin ?? '');
	return new Map(
		[...layers].map(([origin, instructions]) => {
			const last = new Map(instructions.map((index) => [sources[index] as number, index] as const));
			const results = [...last].filter(([op]) => read.has(op)).map(([, index]) => index);
			return [origin, results.length > 0 ? results.slice(0, MOST_RESULTS) : instructions.slice(-1)] as const;
		}),
	);
};

/** Slots after each of the wanted instructions of one run. */
const valuesAt = async (
	{ program: { client, constants } }: Stages,
	simple: SimpleProgram,
	backend: ClearBackend,
	samples: readonly Sample[],
	wanted: ReadonlySet<number>,
): Promise<Values> => {
	const packed = packSamples(client, samples);
	const watched = watch(backend);
	const executor = new Executor(simple, new Constants(simple, constants, backend, false), watched.backend);
	const values = new Map<number, Float64Array>();
	const load = (input: number, part: number): ClearCiphertext => {
		const { level, scale } = client.inputs[input] as InputPacking;
		return watched.see(backend.encrypt((packed[input] as Float64Array[])[part] as Float64Array, level, scale));
	};
	await executor.run(
		{ load, store: () => {} },
		{
			onInstruction: (index) => {
				const slots = wanted.has(index) ? watched.last() : undefined;
				if (slots !== undefined) values.set(index, slots.slice());
			},
		},
	);
	return values;
};

type Watched = {
	readonly backend: Backend<ClearCiphertext, ClearPlaintext>;
	readonly see: (result: ClearCiphertext) => ClearCiphertext;
	/** The slots of the latest result. */
	readonly last: () => Float64Array | undefined;
};

/** The same backend, whose latest result can be looked at. */
const watch = (inner: ClearBackend): Watched => {
	let latest: ClearCiphertext | undefined;
	const see = (result: ClearCiphertext): ClearCiphertext => {
		latest = result;
		return result;
	};
	const backend: Watched['backend'] = {
		name: inner.name,
		encode: (values, level, scale) => inner.encode(values, level, scale),
		encodeNumber: (value, level, scale) => inner.encodeNumber(value, level, scale),
		add: (a, b) => see(inner.add(a, b)),
		subtract: (a, b) => see(inner.subtract(a, b)),
		negate: (a) => see(inner.negate(a)),
		addPlain: (a, plain) => see(inner.addPlain(a, plain)),
		multiplyPlain: (a, plain) => see(inner.multiplyPlain(a, plain)),
		multiply: (a, b) => see(inner.multiply(a, b)),
		relinearize: (a) => see(inner.relinearize(a)),
		rescale: (a) => see(inner.rescale(a)),
		modSwitch: (a, level) => see(inner.modSwitch(a, level)),
		rotate: (a, steps) => see(inner.rotate(a, steps)),
		dispose: (a) => inner.dispose(a),
		disposePlain: (plain) => inner.disposePlain(plain),
	};
	return { backend, see, last: () => latest?.values };
};
