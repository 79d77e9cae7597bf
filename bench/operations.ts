/**
 * The operations of the seal backend, one by one, and a clock that a busy machine does not mislead: what the cost table is made
 * of, and how this machine compares with the one it was made on.
 */
import { costsOf, type OperationCosts } from '../compiler/ckks/cost.ts';
import { primeBelow } from '../compiler/ckks/primes.ts';
import { SealBackend } from '../runtime/backends/seal.ts';
import { SealKeyOwner } from '../runtime/backends/sealKeys.ts';
import type { CkksParameters } from '../runtime/plan.ts';
import { loadSeeded, type SealCiphertext, saveCiphertext } from '../runtime/seal/ciphertext.ts';
import { SealContext } from '../runtime/seal/context.ts';
import { EvaluationKeys } from '../runtime/seal/keys.ts';
import { loadSeal, type SealModule } from '../runtime/seal/module.ts';
import { keySlots } from '../runtime/sizes.ts';
import type { Point } from './fit.ts';

/** Bits of a prime: their number is what SEAL's times depend on, their size is not. */
export const PRIME_BITS = 26;
const SCALE = 2 ** 12;
/** Work of fewer milliseconds is rarely interrupted. */
const SHORT = 2;
/** Milliseconds that the runs of one round take at least, for longer work. */
const BLOCK = 24;
/** Milliseconds that contexts are made for. */
const SET_UP = 150;

type Operation = keyof OperationCosts;
export type Measured = Point & { readonly operation: Operation };
/** Something to be timed, for p primes. */
type Work = { readonly operation: Operation; readonly p: number; readonly run: () => unknown };

export const parametersOf = (ringDegree: number, count: number): CkksParameters => {
	const primes: number[] = [];
	for (let k = 0; k <= count; k++) primes.push(primeBelow(PRIME_BITS, ringDegree, new Set(primes)) ?? Number.NaN);
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
export const wholeWork = ({ context, owner, values, bytes, needs, backend }: Opened): readonly Work[] => {
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
): { readonly works: readonly Work[]; readonly dispose: () => void } => {
	const { context, owner, values, backend } = opened;
	const level = p - 1;
	const bytes = owner.encrypt(values, level, SCALE);
	const load = (): SealCiphertext => loadSeeded(context, bytes, level, SCALE, 'a sample');
	const [a, b] = [load(), load()];
	const plain = backend.encode(values, level, SCALE);
	const square = backend.multiply(a, a);
	const work = (operation: Operation, run: () => SealCiphertext): Work => ({
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

/**
 * Milliseconds of each, in rounds over them all. Short work: the fastest run, which nothing interrupted. Long work is
 * interrupted on a busy machine, so its CPU time counts instead, of enough runs to outlast the clock's ticks of some ms.
 */
export const measure = async (works: readonly Work[], rounds: number): Promise<readonly Measured[]> => {
	const times = works.map(() => ({ fastest: Number.POSITIVE_INFINITY, cpu: 0, runs: 0 }));
	for (let round = 0; round < rounds; round++)
		for (const [i, { run }] of works.entries()) {
			const time = times[i] as (typeof times)[number];
			const runs = round === 0 ? 2 : Math.ceil(BLOCK / Math.max(time.fastest, SHORT));
			const before = threadMilliseconds();
			for (let k = 0; k < runs; k++) {
				const start = performance.now();
				await run();
				time.fastest = Math.min(time.fastest, performance.now() - start);
			}
			if (round === 0) continue;
			time.cpu += threadMilliseconds() - before;
			time.runs += runs;
		}
	return works.map(({ operation, p }, i) => {
		const { fastest, cpu, runs } = times[i] as (typeof times)[number];
		return { operation, p, milliseconds: fastest < SHORT ? fastest : Math.min(fastest, cpu / runs) };
	});
};

const threadMilliseconds = (): number => {
	const { user, system } = process.threadCpuUsage();
	return (user + system) / 1000;
};

/** How many times as long as in the cost table the commonest operations take here: their geometric mean at N = 8192. */
export const slownessHere = async (): Promise<number> => {
	const [ringDegree, p] = [8192, 4];
	const opened = await open(parametersOf(ringDegree, p));
	const { works, dispose } = levelWork(opened, p);
	const common = works.filter(({ operation }) => COMMON.has(operation));
	const ratios = (await measure(common, 12)).map(({ operation, milliseconds }) => {
		const [c0, c1, c2] = costsOf(ringDegree)[operation];
		return Math.log(milliseconds / (c0 + c1 * p + c2 * p * p));
	});
	dispose();
	opened.close();
	return Math.exp(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length);
};

const COMMON: ReadonlySet<Operation> = new Set(['rotate', 'relinearize', 'multiplyPlain', 'rescale', 'add']);
