/**
 * Whole networks: our kernel against node-seal, alternating in one run, each with the program that was compiled for it; with --peers
 * also TenSEAL from PyPI on the same weights (networks of the kind it has operations for) and native SEAL on the operations of
 * the program for node-seal. One sample, one thread; CPU time, medians of the rounds, and medians of the ratios of each round. The
 * prediction is for the machine of the cost table. Every answer of ours is checked against the clear backend. Prints Markdown; with
 * --write also into the README, with a figure in bench/results.
 *
 * npm run bench -- kernel [--rounds n] [--quick] [--peers] [--write] [model ...]
 */
import { readFileSync } from 'node:fs';
import { models, type ZooModel } from '../models/index.ts';
import { expanded } from '../runtime/expand.ts';
import { alternating, benchArguments, median, ratioOf, type Side, sideOf } from './alternate.ts';
import { type Bar, logarithmicBars } from './bars.ts';
import { type Peer, startNative, startTenseal } from './peers/measured.ts';
import { applyNetwork, readNetwork } from './peers/network.ts';
import { openSession } from './session.ts';
import { duration, factor, machine, megabytes, publish, table } from './table.ts';
import { compileZoo, rowsOf } from './zoo.ts';

const { effort, names, write, peers } = benchArguments();
/** Networks that TenSEAL has operations for; the largest takes minutes. */
const FOR_TENSEAL = ['mnist-cryptonets', 'tenseal-mnist', 'mlp-mnist', 'breast-cancer-logistic'];
type TimedPeer = Peer & { readonly side: Side };
const notes: string[] = [];
const note = (text: string): void => {
	if (!notes.includes(text)) notes.push(text);
};

/** A peer that takes longer takes part in one round. */
const SLOW_MS = 10e3;

/** TenSEAL on this network; nothing where it cannot. */
const tensealFor = async (model: ZooModel): Promise<TimedPeer | undefined> => {
	if (!peers || !FOR_TENSEAL.includes(model.name)) return undefined;
	const network = readNetwork(readFileSync(new URL(`../models/${model.path}`, import.meta.url)));
	const x = network.standardise(rowsOf(model.samples)[0] ?? new Float64Array());
	const peer = await startTenseal(network, x);
	if (typeof peer === 'string') {
		note(peer);
		return undefined;
	}
	const expected = applyNetwork(network, x);
	const { outputs = [], wall } = await peer.process.evaluate();
	const error = Math.max(...expected.map((value, k) => Math.abs(value - (outputs[k] ?? Number.NaN))));
	note(`${peer.name} on ${model.name}: ${peer.note}; its answer is off by ${error.toPrecision(2)}.`);
	return { ...peer, side: { ...peer.process.side, warm: async () => {}, most: wall > SLOW_MS ? 1 : effort.rounds } };
};

const nativeFor = async (program: Parameters<typeof expanded>[0]): Promise<TimedPeer | undefined> => {
	if (!peers) return undefined;
	const peer = await startNative(expanded(program));
	if (typeof peer !== 'string') note(`${peer.name}: ${peer.note}.`);
	else note(peer);
	return typeof peer === 'string' ? undefined : { ...peer, side: peer.process.side };
};

/** Median milliseconds of one way, and how many times as long as the kernel it takes. */
type Compared = { readonly ms: number; readonly ratio: number };
type Row = {
	readonly model: ZooModel;
	readonly shape: string;
	readonly predictedMs: number;
	readonly memory: string;
	readonly kernel: Compared;
	readonly seal: Compared;
	readonly native: Compared | undefined;
	readonly tenseal: Compared | undefined;
};

const measure = async (model: ZooModel): Promise<Row> => {
	const compiled = { kernel: compileZoo(model, { backend: 'kernel' }), seal: compileZoo(model, { backend: 'seal' }) };
	const samples = [new Map([[model.input, rowsOf(model.samples)[0] ?? new Float64Array()]])];
	const kernel = await openSession(compiled.kernel, samples, 'kernel');
	const seal = await openSession(compiled.seal, samples, 'seal');
	const native = await nativeFor(compiled.seal.program.server);
	const tenseal = await tensealFor(model);
	const sides: Side[] = [sideOf(kernel.evaluate, effort), sideOf(seal.evaluate, effort)];
	for (const peer of [native, tenseal]) if (peer !== undefined) sides.push(peer.side);
	const times = (await alternating(sides, effort)).map((rounds) => rounds.map(({ cpu }) => cpu));
	const ours = times[0] ?? [];
	const compared = (k: number): Compared => ({ ms: median(times[k] ?? []), ratio: ratioOf(times[k] ?? [], ours) });
	const { report } = compiled.kernel;
	const row: Row = {
		model,
		shape: `${report.parameters.ringDegree}, ${report.parameters.primes.length}`,
		predictedMs: report.predicted.evaluateMs,
		memory: `${megabytes(report.memory.total)} / ${megabytes(kernel.peakBytes())}`,
		kernel: compared(0),
		seal: compared(1),
		native: native && compared(2),
		tenseal: tenseal && compared(sides.length - 1),
	};
	for (const peer of [native, tenseal]) peer?.process.close();
	await kernel.close();
	await seal.close();
	return row;
};

const cells = (compared: Compared | undefined): readonly string[] =>
	compared === undefined ? ['', ''] : [duration(compared.ms), factor(compared.ratio)];

const rows: Row[] = [];
for (const model of models) if (names.length === 0 || names.includes(model.name)) rows.push(await measure(model));

const head = [
	'network',
	'N, primes',
	'memory, predicted / peak',
	'predicted',
	'kernel',
	'node-seal',
	'',
	'native SEAL',
	'',
];
const text = table(
	[...head, 'TenSEAL', ''],
	rows.map(({ model, shape, memory, predictedMs, kernel, seal, native, tenseal }) => [
		`[${model.name}](models/${model.name})`,
		...[shape, memory, duration(predictedMs), duration(kernel.ms)],
		...[seal, native, tenseal].flatMap(cells),
	]),
);
const caption = `One sample on one thread, ${machine()}: medians of ${effort.rounds} rounds of CPU time, and how many times as long as the kernel.`;
const bars = rows.map(({ model, kernel, seal, native, tenseal }) => ({
	title: model.name,
	bars: [
		{ name: 'kernel', value: kernel.ms },
		{ name: 'node-seal', value: seal.ms },
		...(native === undefined ? [] : [{ name: 'native SEAL', value: native.ms }]),
		...(tenseal === undefined ? [] : [{ name: 'TenSEAL', value: tenseal.ms }]),
	] satisfies Bar[],
}));
publish(
	'kernel',
	[text, caption, ...notes].join('\n\n'),
	write,
	logarithmicBars('milliseconds for one encrypted sample (logarithmic)', bars),
);
