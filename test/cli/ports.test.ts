import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { dump } from 'npyjs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readArrays, writeNpy } from '../../cli/arrays.ts';
import { buildModel, type ModelSpec, node } from '../support/onnx.ts';
import { start } from './support.ts';

/** Inputs and outputs of a model by name: encrypted or in the clear, of any name, with dimensions that are not fixed. */
type Outputs = readonly {
	readonly name: string;
	readonly shape: readonly number[];
	readonly data: readonly number[];
}[];

const test = suite('ports', { folder: '', gated: '', x: '', w: '' });

/** y = x * w + x, both [N, 2]. */
const gated: ModelSpec = {
	nodes: [node('Mul', ['x', 'w'], ['p']), node('Add', ['p', 'x'], ['y'])],
	inputs: [
		{ name: 'x', shape: ['N', 2] },
		{ name: 'w', shape: ['N', 2] },
	],
	outputs: ['y'],
};

const array = (path: string, shape: readonly number[], data: readonly number[]): string => {
	writeNpy(path, { shape, data: Float64Array.from(data) });
	return path;
};

const outputsOf = async (...args: readonly string[]): Promise<Outputs> => {
	const { status, stdout, stderr } = await start(...args, '--backend', 'clear', '--json', '--quiet');
	assert.equal([status, stderr], [0, ''], args.join(' '));
	return (JSON.parse(stdout) as { outputs: Outputs }).outputs;
};

const near = (found: readonly number[] | undefined, expected: readonly number[]): void => {
	assert.is(found?.length, expected.length);
	for (const [i, value] of expected.entries())
		assert.ok(Math.abs((found?.[i] ?? Number.NaN) - value) < 1e-3, `${found}, not ${expected}`);
};

/** The command ends with `status` and says what `message` finds, on one line. */
const refused = async (status: number, message: RegExp, ...args: readonly string[]): Promise<void> => {
	const ended = await start(...args, '--quiet');
	assert.equal([ended.status, ended.stdout], [status, ''], `${args.join(' ')}: ${ended.stderr}`);
	assert.match(ended.stderr, message);
	assert.not.match(ended.stderr, /^\s+at /m);
};

test.before((context) => {
	context.folder = mkdtempSync(join(tmpdir(), 'onnx-seal-ports-'));
	context.gated = join(context.folder, 'gated.onnx');
	writeFileSync(context.gated, buildModel(gated));
	context.x = array(join(context.folder, 'x.npy'), [1, 2], [0.5, -1]);
	context.w = array(join(context.folder, 'w.npy'), [1, 2], [2, -3]);
});
test.after(({ folder }) => {
	rmSync(folder, { recursive: true });
});

test('an input in the clear is part of the program: run, evaluate and a build do without it', async (context) => {
	const { folder, gated, x, w } = context;
	const plain = ['--plain', `w=${w}`];
	near((await outputsOf('run', gated, ...plain, '--input', x))[0]?.data, [1.5, 2]);
	const build = join(folder, 'build');
	const { status, stderr } = await start('compile', gated, ...plain, '-o', build, '--calibrate', x);
	assert.is(status, 0, stderr);
	assert.match(stderr, /"w" \[1, 2\] stays in the clear/);
	near((await outputsOf('run', build, '--input', x))[0]?.data, [1.5, 2]);
	await refused(2, /--plain would change nothing/, 'run', build, ...plain, '--input', x);
	const labels = array(join(folder, 'labels.npy'), [1], [1]);
	const evaluated = await start('evaluate', gated, ...plain, '--data', x, '--labels', labels, '--json', '--quiet');
	assert.is((JSON.parse(evaluated.stdout) as { accuracy: number }).accuracy, 1, evaluated.stderr);
	const inspected = await start('inspect', gated, ...plain, '--json', '--quiet');
	assert.is(inspected.status, 0, inspected.stderr);
});

test('a dimension of an input in the clear is that of the others', async ({ folder, gated }) => {
	const three = array(join(folder, 'three.npy'), [3, 2], [1, 2, 3, 4, 5, 6]);
	const two = array(join(folder, 'two.npy'), [2, 2], [1, 2, 3, 4]);
	const [y] = await outputsOf('run', gated, '--plain', `w=${three}`, '--input', `x=${three}`);
	assert.equal(y?.shape, [3, 2]);
	near(y?.data, [2, 6, 12, 20, 30, 42]);
	await refused(3, /has the shape \[2, 2\]/, 'run', gated, '--plain', `w=${three}`, '--input', `x=${two}`);
	await refused(3, /takes \[3, 2\]/, 'compile', gated, '--plain', `w=${two}`, '--set', 'N=3');
});

test('calibration files may hold an input in the clear, and runs may not', async ({ folder, gated, x, w }) => {
	const archive = join(folder, 'both.npz');
	const arrays = { 'x.npy': Float64Array.of(0.5, -1), 'w.npy': Float64Array.of(7, 7) };
	const files = Object.entries(arrays).map(([name, data]) => [name, new Uint8Array(dump(data, [1, 2]))] as const);
	writeFileSync(archive, zipSync(Object.fromEntries(files)));
	const plain = ['--plain', `w=${w}`];
	near((await outputsOf('run', gated, ...plain, '--input', x, '--calibrate', archive))[0]?.data, [1.5, 2]);
	const clear = /"w" stays in the clear/;
	await refused(3, clear, 'run', gated, ...plain, '--input', `x=${x}`, '--input', `w=${w}`);
	await refused(3, clear, 'run', gated, ...plain, '--input', archive);
	await refused(3, clear, 'compile', gated, ...plain, '--calibrate', `w=${w}`);
	const labels = array(join(folder, 'l.npy'), [1], [1]);
	await refused(3, clear, 'evaluate', gated, ...plain, '--data', archive, '--labels', labels);
});

test('wrong values in the clear are refused with what would be right', async ({ folder, gated, x, w }) => {
	const compile = ['compile', gated, '-o', join(folder, 'none')];
	await refused(2, /name=file\.npy: an input that stays in the clear/, ...compile, '--plain', 'w');
	await refused(3, /no input "v".* "x", "w"/, ...compile, '--plain', `v=${w}`);
	await refused(3, /"w" is given twice/, ...compile, '--plain', `w=${w}`, '--plain', `w=${w}`);
	await refused(3, /does not exist/, ...compile, '--plain', `w=${join(folder, 'missing.npy')}`);
	const infinite = array(join(folder, 'infinite.npy'), [1, 2], [1, Number.POSITIVE_INFINITY]);
	await refused(3, /holds Infinity/, ...compile, '--plain', `w=${infinite}`);
	const all = ['--plain', `w=${w}`, '--plain', `x=${x}`];
	await refused(3, /does not depend on any input that is encrypted/, ...compile, ...all);
});

test("names may hold '=', '/', ':' and blanks", async ({ folder }) => {
	const path = join(folder, 'names.onnx');
	const names = ['a', 'a=b', 'scope/x:0', 'in put'];
	const spec: ModelSpec = {
		nodes: [
			node('Add', ['a', 'a=b'], ['s']),
			node('Add', ['scope/x:0', 'in put'], ['t']),
			node('Add', ['s', 't'], ['out=put']),
			node('Sub', ['s', 't'], ['head/0']),
		],
		inputs: names.map((name) => ({ name, shape: [1, name === 'a' ? 'n=1' : 2] })),
		outputs: ['out=put', 'head/0'],
	};
	writeFileSync(path, buildModel(spec));
	const inside = join(folder, 'run=1');
	mkdirSync(inside);
	const files = names.map((name, i) => `${name}=${array(join(inside, `${i}.npy`), [1, 2], [i, 2 ** i])}`);
	const inputs = files.flatMap((file) => ['--input', file]);
	const file = join(inside, 'o.npy');
	const given = ['--set', 'n=1=2', '--output', `out=put=${file}`];
	const outputs = await outputsOf('run', path, ...inputs, ...given);
	assert.equal(outputs.map(({ name }) => name), ['out=put', 'head/0']); // biome-ignore format: one thought
	near([...(readArrays(file).get('')?.data ?? [])], [6, 15]);
	near(outputs[1]?.data, [-4, -9]);
	const archive = join(inside, 'all.npz');
	await outputsOf('run', path, ...inputs, '--set', 'n=1=2', '--output', archive);
	assert.equal([...readArrays(archive).keys()].sort(), ['head/0', 'out=put']);
	const some = ['--plain', files[1] as string, ...[0, 2, 3].flatMap((i) => ['--input', files[i] as string])];
	const build = join(folder, 'names');
	const compiled = await start(
		'compile',
		path,
		'--set',
		'n=1=2',
		'--input-range',
		'-9,9',
		...some.slice(0, 2),
		'-o',
		build,
	);
	assert.is(compiled.status, 0, compiled.stderr);
	near((await outputsOf('run', build, ...some.slice(2)))[1]?.data, [-4, -9]);
	await refused(3, /no dimension|no input dimension/, 'compile', path, '--set', 'n=2');
});

test("a bare file may have '=' in its path", async ({ folder, gated, w }) => {
	const inside = join(folder, 'k=v');
	mkdirSync(inside);
	const x = array(join(inside, 'x.npy'), [1, 2], [0.5, -1]);
	near((await outputsOf('run', gated, '--plain', `w=${w}`, '--input', x))[0]?.data, [1.5, 2]);
});

test('only the inputs of the chosen outputs are asked for', async ({ folder }) => {
	const path = join(folder, 'chosen.onnx');
	writeFileSync(
		path,
		buildModel({
			nodes: [node('Mul', ['a', 'a'], ['y']), node('Sub', ['b', 'c'], ['z']), node('Det', ['b'], ['d'])],
			inputs: ['a', 'b', 'c'].map((name) => ({ name, shape: ['N', 2] })),
			outputs: ['y', 'z', 'd'],
		}),
	);
	const a = array(join(folder, 'a.npy'), [2, 2], [1, 2, 3, 4]);
	const [y] = await outputsOf('run', path, '--input', a, '--outputs', 'y', '--set', 'N=2');
	assert.equal(y?.shape, [2, 2]);
	near(y?.data, [1, 4, 9, 16]);
	const stacked = await outputsOf('run', path, '--input', a, '--outputs', 'y');
	assert.equal(stacked[0]?.shape, [2, 2]);
	await refused(3, /"b"|'d_?'|Det/, 'run', path, '--input', a);
	const two = ['--input', `b=${a}`, '--input', `c=${a}`, '--outputs', 'z'];
	near((await outputsOf('run', path, ...two, '--batch', '2'))[0]?.data, [0, 0, 0, 0]);
});

test.run();
