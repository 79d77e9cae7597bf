/**
 * Single operations of the kernel against node-seal's at the same parameters, alternating in one run; with --peers also native
 * SEAL's. CPU time, medians of the rounds, and medians of the ratios of each round. What SEAL has no operation for is made of those
 * it has. Prints Markdown; with --write also into docs/benchmarks.md.
 *
 * npm run bench -- primitives [--rounds n] [--quick] [--peers] [--write] [ring degree ...]
 */
import type { SimpleInstruction } from '../runtime/expand.ts';
import { alternating, benchArguments, type Effort, median, type Side, sideOf, type Time } from './alternate.ts';
import { kernelWork, openKernel } from './kernelOperations.ts';
import { levelWork, open, parametersOf, wholeWork } from './operations.ts';
import { type NativeProgram, startNative } from './peers/measured.ts';
import type { Work } from './rounds.ts';
import { duration, factor, machine, publish, table } from './table.ts';

const { effort: given, names, write, peers } = benchArguments(5);
const effort: Effort = { ...given, blockMs: given.blockMs / 5, warmMs: given.warmMs / 5 };
/** Ring degrees, data primes, and bits of all primes that 128 bits of security allow. */
const SETS = [
	{ ringDegree: 8192, count: 4, bits: 40 },
	{ ringDegree: 16384, count: 7, bits: 48 },
	{ ringDegree: 32768, count: 13, bits: 48 },
].filter(({ ringDegree }) => names.length === 0 || names.includes(String(ringDegree)));
const ROTATIONS = 16;

type Sum<Name extends string = string> = readonly (readonly [operation: Name, times: number])[];
type Comparison = {
	readonly name: string;
	readonly kernel: Sum;
	readonly seal: Sum;
	/** For native SEAL, where it is one operation of its kind. */
	readonly native?: SimpleInstruction;
};

const unary = (op: 'rescale' | 'relinearize'): SimpleInstruction => ({ op, to: 2, a: op === 'relinearize' ? 1 : 0 });
const comparisons: readonly Comparison[] = [
	{ name: 'a + b', kernel: [['add', 1]], seal: [['add', 1]], native: { op: 'add', to: 2, a: 0, b: 0 } },
	{
		name: 'a + plaintext',
		kernel: [['addPlain', 1]],
		seal: [['addPlain', 1]],
		native: { op: 'addPlain', to: 2, a: 0, constant: 0 },
	},
	{
		name: 'a term of a sum of products by plaintexts',
		kernel: [['plainTerm', 1]],
		seal: [
			['multiplyPlain', 1],
			['add', 1],
		],
	},
	{
		name: 'a term of a sum of products by numbers',
		kernel: [['combineTerm', 1]],
		seal: [
			['encodeNumber', 1],
			['multiplyPlain', 1],
			['add', 1],
		],
	},
	{ name: 'a b', kernel: [['multiply', 1]], seal: [['multiply', 1]], native: { op: 'multiply', to: 2, a: 0, b: 3 } },
	{ name: 'a a', kernel: [['square', 1]], seal: [['square', 1]], native: { op: 'multiply', to: 2, a: 0, b: 0 } },
	{
		name: 'relinearise',
		kernel: [
			['relinearize', 1],
			['modDown', 1],
		],
		seal: [['relinearize', 1]],
		native: unary('relinearize'),
	},
	{ name: 'rescale', kernel: [['rescale', 1]], seal: [['rescale', 1]], native: unary('rescale') },
	{
		name: 'relinearise and rescale',
		kernel: [
			['relinearize', 1],
			['rescaleExtended', 1],
		],
		seal: [
			['relinearize', 1],
			['rescale', 1],
		],
	},
	{
		name: 'rotate',
		kernel: [
			['decompose', 1],
			['rotate', 1],
			['modDown', 1],
		],
		seal: [['rotate', 1]],
		native: { op: 'rotate', to: 2, a: 0, steps: 1 },
	},
	{
		name: `${ROTATIONS} rotations of one value`,
		kernel: [
			['decompose', 1],
			['rotate', ROTATIONS],
			['modDown', ROTATIONS],
		],
		seal: [['rotate', ROTATIONS]],
	},
	{ name: 'encode a plaintext', kernel: [['encode', 1]], seal: [['encode', 1]] },
	{ name: 'load a ciphertext', kernel: [['load', 1]], seal: [['load', 1]] },
	{ name: 'load a key', kernel: [['loadKey', 1]], seal: [['loadKey', 1]] },
];

/** How often native SEAL does one operation each time. */
const REPEATED = 16;

/** One operation many times, on ciphertexts 0, 3 (fresh) and 1 (of size 3). */
const repeated = (program: Omit<NativeProgram, 'instructions'>, step: SimpleInstruction): NativeProgram => ({
	...program,
	instructions: [
		{ op: 'input', to: 0, input: 0, part: 0 },
		{ op: 'input', to: 3, input: 0, part: 0 },
		...(step.op === 'relinearize' ? [{ op: 'multiply', to: 1, a: 0, b: 0 } as const] : []),
		...new Array<SimpleInstruction>(REPEATED).fill(step),
	],
});

type Named = { readonly name: string; readonly side: Side /** Operations in each run. */; readonly times: number };
const sidesOf = (owner: string, works: readonly Work<string>[]): readonly Named[] =>
	works.map(({ operation, run, times = 1 }) => ({ name: `${owner} ${operation}`, side: sideOf(run, effort), times }));

/** The native peers of one parameter set, and how to end them. */
const nativeSides = async (set: (typeof SETS)[number]) => {
	const parameters = parametersOf(set.ringDegree, set.count, set.bits);
	const level = set.count - 1;
	const [scale, keys] = [2 ** 12, { relinearization: level, steps: [{ step: 1, level }] }];
	const inputs = [{ name: 'x', parts: 1, level, scale }];
	const rest = { parameters, keys, constants: [{ offset: 0, level, scale }], registers: 4, inputs };
	const sides: Named[] = [];
	const processes: { close: () => void }[] = [];
	let why: string | undefined;
	for (const { name, native } of comparisons) {
		if (native === undefined || why !== undefined) continue;
		const peer = await startNative(repeated(rest, native));
		if (typeof peer === 'string') why = peer;
		else {
			sides.push({ name: `native ${name}`, side: peer.process.side, times: REPEATED });
			processes.push(peer.process);
		}
	}
	return { sides, why, close: () => processes.forEach((process) => void process.close()) };
};

const measure = async (set: (typeof SETS)[number]): Promise<string> => {
	const parameters = parametersOf(set.ringDegree, set.count, set.bits);
	const bench = await openKernel(parameters);
	const seal = await open(parameters);
	const level = levelWork(seal, set.count);
	const native = peers ? await nativeSides(set) : undefined;
	const sides = [
		...sidesOf('kernel', kernelWork(bench, set.count)),
		...sidesOf('seal', [...level.works, ...wholeWork(seal)]),
		...(native?.sides ?? []),
	].filter(({ name }) => USED.has(name) || name.startsWith('native '));
	const times = await alternating(
		sides.map(({ side }) => side),
		effort,
	);
	const known = new Map(sides.map(({ name, times: count }, k) => [name, perOperation(times[k] ?? [], count)]));
	const sum = (owner: string, operations: Sum): readonly number[] =>
		Array.from({ length: effort.rounds }, (_, round) =>
			operations.reduce(
				(total, [name, count]) => total + count * (known.get(`${owner} ${name}`)?.[round] ?? Number.NaN),
				0,
			),
		);
	native?.close();
	level.dispose();
	seal.close();
	const rows = comparisons.map(({ name, ...ways }) => {
		const ours = sum('kernel', ways.kernel);
		const cells = [sum('seal', ways.seal), known.get(`native ${name}`)].flatMap((theirs) =>
			theirs === undefined
				? ['', '']
				: [duration(median(theirs)), factor(median(theirs.map((ms, round) => ms / (ours[round] ?? Number.NaN))))],
		);
		return [name, duration(median(ours)), ...cells];
	});
	const head = [`N = ${set.ringDegree}, ${set.count} + 1 primes`, 'kernel', 'node-seal', '', 'native SEAL', ''];
	return [table(head, rows), ...(native?.why === undefined ? [] : [native.why])].join('\n\n');
};

const perOperation = (rounds: readonly Time[], count: number): readonly number[] =>
	rounds.map(({ cpu }) => cpu / count);

const USED: ReadonlySet<string> = new Set(
	comparisons.flatMap(({ kernel, seal }) => [
		...kernel.map(([name]) => `kernel ${name}`),
		...seal.map(([name]) => `seal ${name}`),
	]),
);

const texts: string[] = [];
for (const set of SETS) texts.push(await measure(set));
texts.push(`One thread, ${machine()}: medians of ${effort.rounds} rounds of CPU time.`);
publish('primitives', texts.join('\n\n'), write);
