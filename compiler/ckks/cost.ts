import { InternalError } from '../errors.ts';
import type { TargetBackend } from '../options.ts';
import { type CkksCircuit, type Constant, type Kind, readsConstant } from './circuit.ts';
import { KERNEL_COSTS, SEAL_COSTS } from './costTable.ts';
import { decomposeMilliseconds, type KernelCosts, kernelTimes } from './kernelCosts.ts';
import { at } from './milliseconds.ts';
import { SEAL_MILLISECONDS, type SealCosts, sealTimes } from './sealCosts.ts';

/** Milliseconds of checking a request and of writing the answer, whatever they hold. */
export const REQUEST = 1;

/** Costs of node-seal, which clients use with either backend. Throws InternalError for a ring degree that was not measured. */
export const sealCostsOf = (ringDegree: number): SealCosts => measured(SEAL_COSTS, ringDegree, 'seal');

/** Costs of the kernel. Throws InternalError for a ring degree that was not measured. */
export const kernelCostsOf = (ringDegree: number): KernelCosts => measured(KERNEL_COSTS, ringDegree, 'kernel');

const measured = <T>(table: ReadonlyMap<number, T>, ringDegree: number, backend: TargetBackend): T => {
	const costs = table.get(ringDegree);
	if (costs === undefined) throw new InternalError('cost', `no costs of ring degree ${ringDegree} on ${backend}`);
	return costs;
};

/** What one backend's times are predicted by. Levels are those of values, `primes` all data primes. */
type Model = {
	/** Milliseconds of each operation, without the encoding of constants. */
	readonly times: (circuit: CkksCircuit) => Float64Array;
	readonly encode: (ringDegree: number, primes: number, level: number) => number;
	readonly save: (ringDegree: number, level: number) => number;
	readonly setUp: (ringDegree: number, primes: number) => number;
	readonly loadKey: (ringDegree: number, primes: number, level: number) => number;
	readonly packing: (ringDegree: number, p: number) => PackingCosts;
};

/** Milliseconds of what the search over packings counts, on p primes. It needs no parameters. */
export type PackingCosts = {
	/** Once for each value that is rotated, by however many steps. */
	readonly decomposition: number;
	/** Each rotation, beside that. */
	readonly rotation: number;
	/** Product with a plaintext. */
	readonly product: number;
	/** Product of two ciphertexts, relinearised. */
	readonly multiply: number;
};

const MODELS: { readonly [B in TargetBackend]: Model } = {
	seal: {
		times: (circuit) => sealTimes(circuit, sealCostsOf(circuit.parameters.ringDegree)),
		// For any level at the top one, and keys are whole ones.
		encode: (ringDegree, primes) => at(sealCostsOf(ringDegree).encode, primes),
		save: (ringDegree, level) => at(sealCostsOf(ringDegree).save, level + 1),
		setUp: (ringDegree, primes) => at(sealCostsOf(ringDegree).setUp, primes),
		loadKey: (ringDegree, primes) => at(sealCostsOf(ringDegree).loadKey, primes),
		packing: (ringDegree, p) => {
			const ms = (kind: Kind): number => SEAL_MILLISECONDS[kind](sealCostsOf(ringDegree), p);
			return {
				decomposition: 0,
				rotation: ms('rotate'),
				product: ms('multiplyPlain'),
				multiply: ms('multiply') + ms('relinearize'),
			};
		},
	},
	kernel: {
		times: (circuit) => kernelTimes(circuit, kernelCostsOf(circuit.parameters.ringDegree)),
		encode: (ringDegree, _, level) => at(kernelCostsOf(ringDegree).encode, level + 1),
		save: (ringDegree, level) => at(kernelCostsOf(ringDegree).save, level + 1),
		setUp: (ringDegree, primes) => at(kernelCostsOf(ringDegree).setUp, primes),
		loadKey: (ringDegree, _, level) => at(kernelCostsOf(ringDegree).loadKey, level + 1),
		packing: (ringDegree, p) => {
			const costs = kernelCostsOf(ringDegree);
			return {
				decomposition: decomposeMilliseconds(costs, p, true),
				rotation: at(costs.rotate, p),
				product: at(costs.plainTerm, p + 1),
				multiply: at(costs.multiply, p) + at(costs.relinearize, p),
			};
		},
	},
};

export const packingCostsOf = (ringDegree: number, primes: number, backend: TargetBackend): PackingCosts =>
	MODELS[backend].packing(ringDegree, primes);

/** Predicted milliseconds of encoding a constant for a level, where there are so many data primes. */
export const encodeMilliseconds = (
	ringDegree: number,
	primes: number,
	level: number,
	backend: TargetBackend = 'kernel',
): number => MODELS[backend].encode(ringDegree, primes, level);

/**
 * Predicted time of each operation of one evaluation on one thread: constants were encoded before and kept, or each is encoded
 * where it is used. Those of one virtual slot are single numbers, which cost next to nothing.
 */
export const operationTimes = (
	circuit: CkksCircuit,
	keepConstants = true,
	backend: TargetBackend = 'kernel',
): Float64Array => {
	const { ops, slots } = circuit;
	const times = MODELS[backend].times(circuit);
	if (!keepConstants && slots > 1)
		ops.forEach((op, id) => {
			if (readsConstant(op)) times[id] = (times[id] as number) + encodingOf(circuit, op, backend);
		});
	return times;
};

const encodingOf = ({ parameters }: CkksCircuit, { level }: Pick<Constant, 'level'>, backend: TargetBackend): number =>
	encodeMilliseconds(parameters.ringDegree, parameters.primes.length, level, backend);

/** Predicted time of one evaluation on one thread, from the request to the answer; constants as in `operationTimes`. */
export const estimateMilliseconds = (
	circuit: CkksCircuit,
	keepConstants = true,
	backend: TargetBackend = 'kernel',
): number => {
	const { ringDegree } = circuit.parameters;
	const written = circuit.outputs.flatMap(({ parts }) => parts);
	const save = written.reduce((total, id) => total + MODELS[backend].save(ringDegree, circuit.ops[id]?.level ?? 0), 0);
	return operationTimes(circuit, keepConstants, backend).reduce((total, ms) => total + ms, save + REQUEST);
};

/** Predicted milliseconds of what surrounds an evaluation. */
export type Surroundings = {
	/** Once: on each side; on the client; on the server. */
	readonly setUpMs: number;
	readonly keygenMs: number;
	readonly loadKeysMs: number;
	readonly encryptMs: number;
	/** The first evaluation, which also encodes the constants that are kept. */
	readonly firstEvaluateMs: number;
	readonly decryptMs: number;
};

/** `keyLevels`: the highest level that each evaluation key serves. `evaluateMs`: of every evaluation after the first. */
export const estimateSurroundings = (
	circuit: CkksCircuit,
	keyLevels: readonly number[],
	evaluateMs: number,
	keepConstants = true,
	backend: TargetBackend = 'kernel',
): Surroundings => {
	const { ops, outputs, parameters, constants } = circuit;
	const { ringDegree } = parameters;
	const client = sealCostsOf(ringDegree);
	const primes = parameters.primes.length;
	const inputs = ops.filter(({ kind }) => kind === 'input').length;
	const decrypted = outputs.flatMap(({ parts }) => parts.map((id) => at(client.decrypt, (ops[id]?.level ?? 0) + 1)));
	// Constants of one virtual slot are single numbers, encoded at each use.
	const kept = circuit.slots === 1 || !keepConstants ? [] : constants;
	const sum = (milliseconds: readonly number[]): number => milliseconds.reduce((total, ms) => total + ms, 0);
	return {
		// The slower side.
		setUpMs: Math.max(MODELS[backend].setUp(ringDegree, primes), at(client.setUp, primes)),
		keygenMs: keyLevels.length * at(client.makeKey, primes),
		loadKeysMs: sum(keyLevels.map((level) => MODELS[backend].loadKey(ringDegree, primes, level))),
		encryptMs: inputs * at(client.encrypt, primes),
		firstEvaluateMs: evaluateMs + sum(kept.map((constant) => encodingOf(circuit, constant, backend))),
		decryptMs: sum(decrypted),
	};
};
