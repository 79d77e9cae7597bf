/** The operations of the seal backend, one by one: what its cost table is made of. */
import { primeBelow } from '../compiler/ckks/primes.ts';
import type { SealCosts } from '../compiler/ckks/sealCosts.ts';
import { SealBackend } from '../runtime/backends/seal.ts';
import { SealKeyOwner } from '../runtime/backends/sealKeys.ts';
import type { CkksParameters } from '../runtime/plan.ts';
import { loadSeeded, type SealCiphertext, saveCiphertext } from '../runtime/seal/ciphertext.ts';
import { SealContext } from '../runtime/seal/context.ts';
import { EvaluationKeys } from '../runtime/seal/keys.ts';
import { loadSeal, type SealModule } from '../runtime/seal/module.ts';
import { keySlots } from '../runtime/sizes.ts';
import { threadMilliseconds, type Work } from './rounds.ts';

const SCALE = 2 ** 12;
/** Milliseconds that contexts are made for. */
const SET_UP = 150;

type Operation = keyof SealCosts;
type SealWork = Work<Operation>;

/** `count` data primes and a special one. */
export const parametersOf = (ringDegree: number, count: number, bits: number): CkksParameters => {
	const primes: number[] = [];
	for (let k = 0; k <= count; k++) primes.push(primeBelow(bits, ringDegree, new Set(primes)) ?? Number.NaN);
	return { ringDegree, primes: primes.slice(1), specialPrime: primes[0] as number, security: 128 };
};

/** One context with its keys, and all that can be timed in it. `close` releases it. */
export const open = async (parameters: CkksParameters) => {
	const level = parameters.primes.length - 1;
	const needs = { relinearization: level, steps: [{ step: 1, level }] };
	const context = new SealContext(await loadSeal(), parameters, needs);
	const owner = new SealKeyOwner(context);
	const bytes = keySlots(needs).map((slot) => owner.evaluationKey(slot));
	const keys = await EvaluationKeys.load(context, needs, bytes, {});
	const values = Float64Array.from({ length: parameters.ringDegree / 2 }, (_, t) => Math.sin(t));
	return {
		...{ context, owner, values, bytes, needs },
		backend: new SealBackend(context, keys),
		close: () => {
			keys.dispose();
			owner.dispose();
			context.dispose();
		},
	};
};
type Opened = Awaited<ReturnType<typeof open>>;

/** CPU milliseconds of making a context, which takes long enough to be timed once. */
export const setUpTime = (module: SealModule, parameters: CkksParameters): number => {
	const start = threadMilliseconds();
	let runs = 0;
	do {
		new SealContext(module, parameters, { steps: [] }).dispose();
		runs++;
	} while (threadMilliseconds() - start < SET_UP);
	return (threadMilliseconds() - start) / runs;
};

/** What depends on all primes of the context. */
export const wholeWork = ({ context, owner, values, bytes, needs, backend }: Opened): readonly SealWork[] => {
	const p = context.parameters.primes.length;
	const slot = { kind: 'rotation', steps: 1, level: p - 1 } as const;
	const rotation = { steps: needs.steps };
	const load = async (): Promise<void> => (await EvaluationKeys.load(context, rotation, bytes.slice(1), {})).dispose();
	return [
		{ operation: 'encode', p, run: () => backend.disposePlain(backend.encode(values, 0, SCALE)) },
		{ operation: 'encrypt', p, run: () => owner.encrypt(values, p - 1, SCALE) },
		{ operation: 'makeKey', p, run: () => owner.evaluationKey(slot) },
		{ operation: 'loadKey', p, run: load },
	];
};

/** What depends on the primes of the operand, and its operands, to be disposed. */
export const levelWork = (
	opened: Opened,
	p: number,
): { readonly works: readonly SealWork[]; readonly dispose: () => void } => {
	const { context, owner, values, backend } = opened;
	const level = p - 1;
	const bytes = owner.encrypt(values, level, SCALE);
	const load = (): SealCiphertext => loadSeeded(context, bytes, level, SCALE, 'a sample');
	const [a, b] = [load(), load()];
	const plain = backend.encode(values, level, SCALE);
	const square = backend.multiply(a, a);
	const work = (operation: Operation, run: () => SealCiphertext): SealWork => ({
		operation,
		p,
		run: () => backend.dispose(run()),
	});
	const works = [
		work('load', load),
		{ operation: 'save', p, run: () => saveCiphertext(context, a, level, SCALE) } as const,
		{ operation: 'decrypt', p, run: () => owner.decrypt(a) } as const,
		{
			operation: 'encodeNumber',
			p,
			run: () => backend.disposePlain(backend.encodeNumber(0.3, level, SCALE)),
		} as const,
		work('rotate', () => backend.rotate(a, 1)),
		work('relinearize', () => backend.relinearize(square)),
		work('multiply', () => backend.multiply(a, b)),
		work('square', () => backend.multiply(a, a)),
		work('multiplyPlain', () => backend.multiplyPlain(a, plain)),
		work('add', () => backend.add(a, b)),
		work('addPlain', () => backend.addPlain(a, plain)),
		...(level === 0
			? []
			: [work('rescale', () => backend.rescale(a)), work('modSwitch', () => backend.modSwitch(a, level - 1))]),
	];
	const dispose = (): void => {
		for (const ciphertext of [a, b, square]) backend.dispose(ciphertext);
		backend.disposePlain(plain);
	};
	return { works, dispose };
};
