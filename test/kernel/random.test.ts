import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ClearBackend, type ClearCiphertext } from '../../runtime/backends/clear.ts';
import { createKernelEngine } from '../../runtime/backends/kernel/engine.ts';
import { SealKeyOwner } from '../../runtime/backends/sealKeys.ts';
import { Constants } from '../../runtime/constants.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { Executor } from '../../runtime/execute.ts';
import { expanded } from '../../runtime/expand.ts';
import type { Port, Program } from '../../runtime/plan.ts';
import { loadCiphertext } from '../../runtime/seal/ciphertext.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { release } from '../../runtime/seal/handles.ts';
import { loadSeal } from '../../runtime/seal/module.ts';
import { keySlots } from '../../runtime/sizes.ts';
import { everyKey, maxDifference, sampleOf } from '../runtime/support.ts';
import { NO_LIMIT, PARAMETERS, KERNEL_SCALE as S, STEPS } from './programs.ts';
import { randomPlans } from './randomPlans.ts';

/** Of values below 1, with room for what sums of a few dozen terms add up; a wrong result is off by about 1. */
const NOISE = 1e-4;

const needs = everyKey(PARAMETERS, ...STEPS);
const context = new SealContext(await loadSeal(), PARAMETERS, needs);
const owner = new SealKeyOwner(context);
const keys = keySlots(needs).map((slot) => owner.evaluationKey(slot));
/** One input for each level; ports of a level share it. */
const values = PARAMETERS.primes.map((_, level) => sampleOf(PARAMETERS.ringDegree / 2, 1 + level));
const inputs = values.map((x, level) => owner.encrypt(x, level, S));

const portAt = (ports: readonly Port[], index: number): Port => ports[index] as Port;

/** What the plan means, and the largest magnitude of any value on the way; undefined where that leaves the modulus. */
const meaning = ({
	server,
	constants,
}: Program): { readonly outputs: Float64Array[]; readonly peak: number } | undefined => {
	const backend = new ClearBackend(PARAMETERS, server.keys);
	const simple = expanded(server);
	const executor = new Executor(simple, new Constants(simple, constants, backend, true), backend);
	const outputs: Float64Array[] = [];
	let peak = 1;
	const store = (output: number, _: number, ciphertext: ClearCiphertext): void => {
		outputs[output] = backend.decrypt(ciphertext);
		peak = Math.max(peak, ciphertext.peak);
	};
	const load = (input: number): ClearCiphertext => {
		const { level, scale } = portAt(server.inputs, input);
		return backend.encrypt(values[level] as Float64Array, level, scale);
	};
	try {
		executor.runSync({ load, store });
		return { outputs, peak };
	} catch (error) {
		// Beyond the modulus, or a difference of a value and itself.
		if (error instanceof RefusedError) return undefined;
		throw error;
	}
};

const decrypted = (server: Program['server'], outputs: readonly (readonly Uint8Array[])[]): Float64Array[] =>
	server.outputs.map(({ level, scale }, i) => {
		const ciphertext = loadCiphertext(context, outputs[i]?.[0] as Uint8Array, level, scale, `output ${i}`);
		const slots = owner.decrypt(ciphertext);
		release(ciphertext.object);
		return slots;
	});

/** Some plans subtract what they have added. */
const transparent = (error: unknown): undefined => {
	if (error instanceof RefusedError && error.message.includes('transparent')) return undefined;
	throw error;
};

test('random plans give what they mean, whether constants are kept or not', async () => {
	let checked = 0;
	const property = fc.asyncProperty(randomPlans(30), fc.boolean(), async (program, keepConstants) => {
		const expected = meaning(program);
		fc.pre(expected !== undefined);
		const server = { ...program.server, keepConstants };
		const engine = await createKernelEngine(server, program.constants, NO_LIMIT);
		await engine.loadKeys('it', keys, {});
		const parts = server.inputs.map(({ level }) => [inputs[level] as Uint8Array]);
		const outputs = await engine.evaluate('it', parts, {}).catch(transparent);
		fc.pre(outputs !== undefined);
		const slots = decrypted(server, outputs ?? []);
		slots.forEach((actual, i) => {
			const error = maxDifference(actual, expected?.outputs[i] ?? []);
			assert.ok(error <= NOISE * (expected?.peak ?? 1), `output ${i}: error ${error}, values up to ${expected?.peak}`);
		});
		checked += slots.length;
	});
	await fc.assert(property, { numRuns: 25 });
	assert.ok(checked > 40, `${checked} outputs`);
});

test.run();
