import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SealBackend } from '../../runtime/backends/seal.ts';
import { SealKeyOwner } from '../../runtime/backends/sealKeys.ts';
import {
	encodingVariance,
	encryptionVariance,
	keySwitchMeanVariance,
	keySwitchVariance,
	rescaleVariance,
	slotExponents,
} from '../../runtime/noise.ts';
import type { SealCiphertext } from '../../runtime/seal/ciphertext.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { EvaluationKeys, keySlots } from '../../runtime/seal/keys.ts';
import { loadSeal } from '../../runtime/seal/module.ts';
import { makeParameters, sampleOf } from './support.ts';

const N = 8192;
const SCALE = 2 ** 30;
const ROUNDS = 10;

type Errors = Map<string, Float64Array[]>;

/** Measures the error of each operation in every slot, in units of the scale: errors.get(operation)[round][slot]. */
const measure = async (specialBits: number): Promise<Errors> => {
	const parameters = makeParameters(N, [40, 30, 30, 30], specialBits);
	const steps = Array.from({ length: ROUNDS }, (_, i) => i + 1);
	const needs = { relinearization: true, steps };
	const context = new SealContext(await loadSeal(), parameters, needs);
	const errors: Errors = new Map();
	const top = parameters.primes.length - 1;
	for (let round = 0; round < ROUNDS; round++) {
		// New keys each round: the errors of key switching are fixed by the key.
		const owner = new SealKeyOwner(context);
		const own = { relinearization: true, steps: [round + 1] };
		const bytes = keySlots(own).map((slot) => owner.evaluationKey(slot));
		const keys = await EvaluationKeys.load(context, own, bytes, {});
		const backend = new SealBackend(context, keys);
		const record = (name: string, actual: Float64Array, expected: Float64Array, scale: number): void => {
			const list = errors.get(name) ?? [];
			list.push(actual.map((value, t) => (value - (expected[t] as number)) * scale));
			errors.set(name, list);
		};
		const decrypted = (ciphertext: SealCiphertext): Float64Array => owner.decrypt(ciphertext);
		const x = sampleOf(N / 2, round + 1);
		const a = owner.encrypt(x, top, SCALE);
		const plain = backend.encode(x, top, SCALE);
		record('encode', context.decode(plain.object), x, SCALE);
		record('encrypt', decrypted(a), x, SCALE);
		const rotated = backend.rotate(a, round + 1);
		const before = decrypted(a);
		record(
			'rotate',
			decrypted(rotated),
			before.map((_, t) => before[(t + round + 1) % before.length] as number),
			SCALE,
		);
		const low = backend.modSwitch(a, 0);
		const rotatedLow = backend.rotate(low, round + 1);
		record(
			'rotate at level 0',
			decrypted(rotatedLow),
			before.map((_, t) => before[(t + round + 1) % before.length] as number),
			SCALE,
		);
		const product = backend.multiply(a, a);
		const relinearized = backend.relinearize(product);
		record('relinearize', decrypted(relinearized), decrypted(product), SCALE ** 2);
		const rescaled = backend.rescale(relinearized);
		record('rescale', decrypted(rescaled), decrypted(relinearized), rescaled.shape.scale);
		const rescaled3 = backend.rescale(product);
		record('rescale of size 3', decrypted(rescaled3), decrypted(product), rescaled3.shape.scale);
		for (const handle of [a, rotated, low, rotatedLow, product, relinearized, rescaled, rescaled3])
			backend.dispose(handle);
		backend.disposePlain(plain);
		keys.dispose();
		owner.dispose();
	}
	context.dispose();
	return errors;
};

/** sqrt of the mean over rounds and slots of error^2 / variance(slot): 1 when the model is right. */
const ratio = (errors: readonly Float64Array[], variance: (slot: number) => number): number => {
	let sum = 0;
	for (const error of errors) for (let t = 0; t < error.length; t++) sum += (error[t] as number) ** 2 / variance(t);
	return Math.sqrt(sum / (errors.length * (N / 2)));
};

const rms = (values: readonly number[]): number => Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length);

for (const specialBits of [40, 45]) {
	test(`the measured error of every operation is the predicted one with a special prime of ${specialBits} bits`, async () => {
		const { primes, specialPrime } = makeParameters(N, [40, 30, 30, 30], specialBits);
		const exponents = slotExponents(N);
		const switched = (level: number) => (slot: number) =>
			keySwitchVariance(N, primes, level, specialPrime, exponents[slot] as number);
		const predictions: ReadonlyMap<string, (slot: number) => number> = new Map([
			['encode', () => encodingVariance(N)],
			['encrypt', () => encryptionVariance(N)],
			['rotate', switched(3)],
			['rotate at level 0', switched(0)],
			['relinearize', switched(3)],
			['rescale', () => rescaleVariance(N)],
			['rescale of size 3', () => rescaleVariance(N, 3)],
		]);
		const errors = await measure(specialBits);
		for (const [name, variance] of predictions) {
			const measured = ratio(errors.get(name) ?? [], variance);
			assert.ok(measured > 0.85 && measured < 1.15, `${name}: measured/predicted = ${measured}`);
		}
		// The mean of the digits falls on the slots near zeta = 1, slot 0 first of all.
		const slot0 = rms((errors.get('relinearize') ?? []).map((error) => error[0] as number));
		const predicted0 = Math.sqrt(switched(3)(0));
		assert.ok(slot0 / predicted0 > 0.25 && slot0 / predicted0 < 2.5, `slot 0: ${slot0} against ${predicted0}`);
		const mean = exponents.reduce((sum, _, t) => sum + switched(3)(t), 0) / exponents.length;
		const formula = keySwitchMeanVariance(N, primes, 3, specialPrime);
		assert.ok(Math.abs(mean / formula - 1) < 1e-6, `mean over the slots ${mean}, formula ${formula}`);
	});
}

test.run();
