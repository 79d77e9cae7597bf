import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, Cryptor } from '../../runtime/backend.ts';
import type { ClearCiphertext, ClearPlaintext } from '../../runtime/backends/clear.ts';
import { SealBackend } from '../../runtime/backends/seal.ts';
import { SealKeyOwner } from '../../runtime/backends/sealKeys.ts';
import { SimulateBackend } from '../../runtime/backends/simulate.ts';
import {
	encodingVariance,
	encryptionVariance,
	keySwitchVariance,
	rescaleVariance,
	slotExponents,
} from '../../runtime/noise.ts';
import type { CkksParameters } from '../../runtime/plan.ts';
import { loadSeeded, type SealCiphertext } from '../../runtime/seal/ciphertext.ts';
import { SealContext, type SealPlaintext } from '../../runtime/seal/context.ts';
import { EvaluationKeys } from '../../runtime/seal/keys.ts';
import { loadSeal, type SealModule } from '../../runtime/seal/module.ts';
import { keySlots } from '../../runtime/sizes.ts';
import { everyKey, makeParameters, sampleOf } from './support.ts';

const N = 8192;
const SCALE = 2 ** 30;
const ROUNDS = 10;

type Errors = Map<string, Float64Array[]>;

/** A backend under a key set of its own with a key for one rotation. */
type Subject<C, P> = {
	readonly backend: Backend<C, P>;
	readonly owner: Cryptor<C>;
	readonly decode: (plain: P) => Float64Array;
	readonly scaleOf: (ciphertext: C) => number;
	readonly end: () => void;
};

/** The error of each operation in every slot, in units of the scale: errors.get(operation)[round][slot]. */
const measure = async <C, P>(levels: number, make: (step: number) => Promise<Subject<C, P>>): Promise<Errors> => {
	const errors: Errors = new Map();
	for (let step = 1; step <= ROUNDS; step++) {
		// New keys each round: the errors of key switching are fixed by the key.
		const { backend, owner, decode, scaleOf, end } = await make(step);
		const record = (name: string, actual: Float64Array, expected: Float64Array, scale: number): void => {
			const list = errors.get(name) ?? [];
			list.push(actual.map((value, t) => (value - (expected[t] as number)) * scale));
			errors.set(name, list);
		};
		const rotated = (values: Float64Array): Float64Array =>
			values.map((_, t) => values[(t + step) % values.length] as number);
		const x = sampleOf(N / 2, step);
		const a = owner.encrypt(x, levels - 1, SCALE);
		const before = owner.decrypt(a);
		record('encode', decode(backend.encode(x, levels - 1, SCALE)), x, SCALE);
		record('encrypt', before, x, SCALE);
		record('rotate', owner.decrypt(backend.rotate(a, step)), rotated(before), SCALE);
		const low = backend.modSwitch(a, 0);
		record('rotate at level 0', owner.decrypt(backend.rotate(low, step)), rotated(before), SCALE);
		const product = backend.multiply(a, a);
		const relinearized = backend.relinearize(product);
		record('relinearize', owner.decrypt(relinearized), owner.decrypt(product), SCALE ** 2);
		const rescaled = backend.rescale(relinearized);
		record('rescale', owner.decrypt(rescaled), owner.decrypt(relinearized), scaleOf(rescaled));
		const rescaled3 = backend.rescale(product);
		record('rescale of size 3', owner.decrypt(rescaled3), owner.decrypt(product), scaleOf(rescaled3));
		end();
	}
	return errors;
};

/** Handles are left to the end of the process: a round makes a few megabytes of them. */
const sealSubject = (module: SealModule, parameters: CkksParameters) => {
	const steps = Array.from({ length: ROUNDS }, (_, i) => i + 1);
	const context = new SealContext(module, parameters, everyKey(parameters, ...steps));
	return async (step: number): Promise<Subject<SealCiphertext, SealPlaintext>> => {
		const owner = new SealKeyOwner(context);
		const needs = everyKey(parameters, step);
		const bytes = keySlots(needs).map((slot) => owner.evaluationKey(slot));
		const keys = await EvaluationKeys.load(context, needs, bytes, {});
		return {
			backend: new SealBackend(context, keys),
			owner: {
				encrypt: (values, level, scale) =>
					loadSeeded(context, owner.encrypt(values, level, scale), level, scale, 'a ciphertext'),
				decrypt: (ciphertext) => owner.decrypt(ciphertext),
			},
			decode: ({ object }) => context.decode(object),
			scaleOf: ({ shape }) => shape.scale,
			end: () => keys.dispose(),
		};
	};
};

const simulatedSubject =
	(parameters: CkksParameters) =>
	async (step: number): Promise<Subject<ClearCiphertext, ClearPlaintext>> => {
		const backend = new SimulateBackend(parameters, everyKey(parameters, step), 100 + step);
		return {
			backend,
			owner: backend,
			decode: ({ values }) => values ?? new Float64Array(),
			scaleOf: ({ shape }) => shape.scale,
			end: () => undefined,
		};
	};

/** sqrt of the mean over rounds and slots of error^2 / variance(slot): 1 when the model is right. */
const ratio = (errors: readonly Float64Array[], variance: (slot: number) => number): number => {
	let sum = 0;
	for (const error of errors) for (let t = 0; t < error.length; t++) sum += (error[t] as number) ** 2 / variance(t);
	return Math.sqrt(sum / (errors.length * (N / 2)));
};

const rms = (values: readonly number[]): number => Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length);

const check = (errors: Errors, { primes, specialPrime }: CkksParameters): void => {
	const exponents = slotExponents(N);
	const top = primes.length - 1;
	const switched = (level: number) => (slot: number) =>
		keySwitchVariance(N, primes, level, specialPrime, exponents[slot] as number);
	const predictions: ReadonlyMap<string, (slot: number) => number> = new Map([
		['encode', () => encodingVariance(N)],
		['encrypt', () => encryptionVariance(N)],
		['rotate', switched(top)],
		['rotate at level 0', switched(0)],
		['relinearize', switched(top)],
		['rescale', () => rescaleVariance(N)],
		['rescale of size 3', () => rescaleVariance(N, 3)],
	]);
	for (const [name, variance] of predictions) {
		const measured = ratio(errors.get(name) ?? [], variance);
		assert.ok(measured > 0.85 && measured < 1.15, `${name}: measured/predicted = ${measured}`);
	}
	// The mean of the digits falls on the slots near zeta = 1, slot 0 first of all.
	const slot0 = rms((errors.get('relinearize') ?? []).map((error) => error[0] as number));
	const predicted0 = Math.sqrt(switched(top)(0));
	assert.ok(slot0 / predicted0 > 0.25 && slot0 / predicted0 < 2.5, `slot 0: ${slot0} against ${predicted0}`);
};

for (const specialBits of [40, 45]) {
	const parameters = makeParameters(N, [40, 30, 30, 30], specialBits);

	test(`the error of every operation of SEAL is the predicted one with a special prime of ${specialBits} bits`, async () => {
		check(await measure(4, sealSubject(await loadSeal(), parameters)), parameters);
	});

	test(`the simulated errors are the predicted ones with a special prime of ${specialBits} bits`, async () => {
		check(await measure(4, simulatedSubject(parameters)), parameters);
	});
}

test.run();
