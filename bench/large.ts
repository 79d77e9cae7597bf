/**
 * Models at the limits: chains of 20,000 nodes of several kinds, and models of 50 MB of weights, each compiled in a process of its
 * own, stopped after two minutes. Prints time, that of all threads, peak memory, and what came of it.
 *
 * npm run bench -- large [part of a name]
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CompileError, compile } from '../compiler/index.ts';
import { buildModel, type ModelSpec, node, randomNumbers, type TensorSpec } from '../test/support/onnx.ts';

const NODES = 20_000;
const MOST_SECONDS = 120;
const file = fileURLToPath(import.meta.url);

type Link = (i: number, from: string, to: string) => ModelSpec['nodes'][number];

/** x through 20,000 nodes, to y; the kinds of nodes alternate. */
const chain = (...links: readonly Link[]): ModelSpec => ({
	nodes: Array.from({ length: NODES }, (_, i) =>
		(links[i % links.length] as Link)(i, i === 0 ? 'x' : `n${i - 1}`, i === NODES - 1 ? 'y' : `n${i}`),
	),
	inputs: [{ name: 'x', shape: [1, 16] }],
	outputs: ['y'],
	initializers: new Map<string, TensorSpec>([
		['small', { shape: [16], data: randomNumbers(1, 16, -1e-3, 1e-3) }],
		['nearOne', { shape: [16], data: randomNumbers(2, 16, 0.9999, 1.0001) }],
		['column', { shape: [2], data: [16, 1], type: 'INT64' }],
		['row', { shape: [2], data: [1, 16], type: 'INT64' }],
		['matrix', { shape: [16, 16], data: randomNumbers(3, 256, -0.2, 0.2) }],
	]),
});

const add: Link = (_, from, to) => node('Add', [from, 'small'], [to]);
const multiply: Link = (_, from, to) => node('Mul', [from, 'nearOne'], [to]);
const relu: Link = (_, from, to) => node('Relu', [from], [to]);
const same: Link = (_, from, to) => node('Identity', [from], [to]);
const column: Link = (_, from, to) => node('Reshape', [from, 'column'], [to]);
const row: Link = (_, from, to) => node('Reshape', [from, 'row'], [to]);
const turned: Link = (_, from, to) => node('Transpose', [from], [to]);
const dense: Link = (_, from, to) => node('MatMul', [from, 'matrix'], [to]);
const doubled: Link = (_, from, to) => node('Add', [from, from], [to]);
const fromInput: Link = (_, from, to) => node('Add', [from, 'x'], [to]);
const square: Link = (_, from, to) => node('Mul', [from, from], [to]);
/** x through layers of `widths` neurons with squares between them. */
const layers = (widths: readonly number[]): ModelSpec => {
	const initializers = new Map<string, TensorSpec>();
	const nodes: ModelSpec['nodes'][number][] = [];
	for (let k = 1; k < widths.length; k++) {
		const [rows, columns] = [widths[k - 1] as number, widths[k] as number];
		const size = 1 / Math.sqrt(rows);
		initializers.set(`w${k}`, { shape: [rows, columns], data: randomNumbers(k, rows * columns, -size, size) });
		const last = k === widths.length - 1;
		nodes.push(node('MatMul', [k === 1 ? 'x' : `s${k - 1}`, `w${k}`], [last ? 'y' : `m${k}`]));
		if (!last) nodes.push(node('Mul', [`m${k}`, `m${k}`], [`s${k}`]));
	}
	return { nodes, initializers, inputs: [{ name: 'x', shape: [1, widths[0] as number] }], outputs: ['y'] };
};

/** A convolution 3 x 3 of 1180 channels to as many on images of 8 x 8 pixels. */
const convolution = (): ModelSpec => ({
	nodes: [node('Conv', ['x', 'w'], ['y'], { attributes: { pads: [1, 1, 1, 1] } })],
	inputs: [{ name: 'x', shape: [1, 1180, 8, 8] }],
	outputs: ['y'],
	initializers: new Map([['w', { shape: [1180, 1180, 3, 3], data: randomNumbers(1, 1180 ** 2 * 9, -0.01, 0.01) }]]),
});

const models: ReadonlyMap<string, () => ModelSpec> = new Map([
	['20,000 Add of a constant', () => chain(add)],
	['20,000 Mul by a constant', () => chain(multiply)],
	['20,000 Add and Mul in turn', () => chain(add, multiply)],
	['20,000 Identity', () => chain(same, same, same, add)],
	['20,000 Reshape', () => chain(column, row, column, row, add)],
	['20,000 Transpose', () => chain(turned)],
	['20,000 MatMul', () => chain(dense)],
	['20,000 Add of x to itself', () => chain(add, doubled, multiply, multiply)],
	['20,000 Add of the input', () => chain(fromInput)],
	['20,000 Relu and Add in turn', () => chain(relu, add)],
	['20,000 Mul of x by itself', () => chain(square)],
	['50 MB, one layer 3500 x 3500', () => layers([3500, 3500])],
	['50 MB, 12 layers of 1024', () => layers(new Array(13).fill(1024))],
	['50 MB, 4 layers of 1768', () => layers(new Array(5).fill(1768))],
	['50 MB, 98,000 inputs, 128 neurons', () => layers([98_000, 128, 10])],
	['50 MB, one convolution', convolution],
]);

const resultOf = (bytes: Uint8Array): string => {
	try {
		const { parameters, counts, memory } = compile(bytes).report;
		const { rotations, relinearizations } = counts;
		return `N = ${parameters.ringDegree}, ${rotations + relinearizations} key switches, server ${(memory.total / 1e9).toFixed(1)} GB`;
	} catch (error) {
		if (error instanceof CompileError) return `refused: ${error.issues[0]?.message}`;
		throw error;
	}
};

/** Compiles one model in this process. */
const compileOne = (spec: ModelSpec): string => {
	const bytes = buildModel(spec);
	const before = process.resourceUsage().maxRSS / 1000;
	const [start, cpu] = [performance.now(), process.cpuUsage()];
	const result = resultOf(bytes);
	const seconds = (performance.now() - start) / 1000;
	const { user, system } = process.cpuUsage(cpu);
	const peak = process.resourceUsage().maxRSS / 1000;
	const megabytes = (value: number) => `${value.toFixed(0)} MB`;
	return [
		`${(bytes.length / 1e6).toFixed(1)} MB`,
		`${seconds.toFixed(1)} s`,
		`${((user + system) / 1e6).toFixed(1)} s`,
		megabytes(before),
		megabytes(peak),
		result,
	].join(' | ');
};

const [option, name = ''] = process.argv.slice(2);
const one = option === '--one' ? models.get(name) : undefined;
if (one === undefined) {
	console.log(
		'| model | file | time | of all threads | memory before | peak | result |\n|---|---|---|---|---|---|---|',
	);
	for (const each of models.keys()) {
		if (!each.includes(option ?? '')) continue;
		const child = spawnSync(process.execPath, [file, '--one', each], {
			encoding: 'utf8',
			timeout: MOST_SECONDS * 1000,
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		const ended = child.signal
			? `none within ${MOST_SECONDS} s`
			: child.stderr.trim().split('\n').slice(0, 6).join(' ');
		console.log(`| ${each} | ${child.status === 0 ? child.stdout.trim() : ended} |`);
	}
} else console.log(compileOne(one()));
