import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readArrays, writeNpy } from '../../cli/arrays.ts';
import { start } from './support.ts';

const root = join(import.meta.dirname, '..', '..');
const zoo = join(root, 'models', 'breast-cancer');
const model = join(zoo, 'model.onnx');
const features = join(zoo, 'samples', 'features.npy');
const labels = join(zoo, 'samples', 'labels.npy');

type Json = Readonly<Record<string, unknown>>;

/** The one JSON object of a command that succeeds and has nothing else to say. */
const json = async (...args: readonly string[]): Promise<Json> => {
	const { status, stdout, stderr } = await start(...args, '--json', '--quiet');
	assert.equal([status, stderr], [0, ''], args.join(' '));
	return JSON.parse(stdout) as Json;
};

const filesBelow = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

const test = suite('commands', { folder: '' });
test.before((context) => {
	context.folder = mkdtempSync(join(tmpdir(), 'onnx-seal-cli-'));
	const sample = readArrays(features).get('')?.data.slice(0, 60) ?? new Float64Array();
	writeNpy(join(context.folder, 'two.npy'), { shape: [2, 30], data: sample });
	writeNpy(join(context.folder, 'one.npy'), { shape: [1, 30], data: sample.slice(0, 30) });
	writeNpy(join(context.folder, 'wrong.npy'), { shape: [2, 15], data: sample.slice(0, 30) });
});
test.after((context) => {
	rmSync(context.folder, { recursive: true });
});

test('compile writes a client, a server and a report, and the same bytes every time', async ({ folder }) => {
	const [a, b] = [join(folder, 'a'), join(folder, 'b')];
	const result = await json('compile', model, '-o', a);
	await json('compile', model, '-o', b);
	const files = filesBelow(a);
	for (const name of ['client/index.js', 'client/index.d.ts', 'server/index.js', 'report.json', 'report.html'])
		assert.ok(existsSync(join(a, name)), name);
	assert.equal(filesBelow(b), files);
	for (const name of result.files as string[])
		assert.ok(readFileSync(join(a, name)).equals(readFileSync(join(b, name))), name);
	for (const field of ['model', 'parameters', 'counts', 'keys', 'predictedBits', 'timings'])
		assert.ok(field in result, field);
});

test('run gives the fields that other tools read, from a model and from a build directory', async ({ folder }) => {
	const build = join(folder, 'build');
	await json('compile', model, '-o', build);
	for (const path of [model, build]) {
		const result = await json('run', path, '--input', join(folder, 'one.npy'), '--backend', 'simulate');
		const [output] = result.outputs as { name: string; shape: number[]; data: number[] }[];
		assert.equal([output?.name, output?.shape, output?.data.length], ['probability', [1, 1], 1]);
		const parameters = result.parameters as Json;
		for (const field of ['ringDegree', 'logQ', 'primes', 'securityBits', 'level'])
			assert.ok(field in parameters, field);
		assert.ok((parameters.securityBits as number) >= 128);
		const counts = result.counts as Json;
		for (const field of ['rotations', 'relinearizations', 'plainProducts', 'depth']) assert.ok(field in counts, field);
		const timings = result.timings as Json;
		for (const field of ['compileMs', 'keygenMs', 'encryptMs', 'evaluateMs', 'decryptMs'])
			assert.ok(typeof timings[field] === 'number', field);
		assert.ok((result.keys as { bytes: number }).bytes > 0);
		assert.type(result.predictedBits, 'number');
		assert.is(result.maxAbsError === null, path === build);
	}
});

test('every sample of a batch is run, and outputs are stacked and written', async ({ folder }) => {
	const file = join(folder, 'y.npy');
	const result = await json(
		'run',
		model,
		'--input',
		`features=${join(folder, 'two.npy')}`,
		'--output',
		file,
		'--backend',
		'clear',
	);
	assert.equal(result.outputs, [{ name: 'probability', shape: [2, 1], file }]);
	const both = readArrays(file).get('')?.data ?? new Float64Array();
	const first = await json('run', model, '--input', join(folder, 'one.npy'), '--backend', 'clear');
	const [alone] = (first.outputs as { data: number[] }[])[0]?.data ?? [];
	assert.is(both.length, 2);
	assert.ok(Math.abs((both[0] as number) - (alone as number)) < 1e-12);
});

test('evaluate counts as onnxruntime does in the clear, and the compiled program decides nearly always alike', async () => {
	const result = await json('evaluate', model, '--data', features, '--labels', labels, '--backend', 'simulate');
	assert.is(result.samples, 143);
	assert.is(result.clearAccuracy, 138 / 143);
	assert.ok((result.flips as number) <= 3, `${String(result.flips)} flips`);
	assert.is(result.agreement, 1 - (result.flips as number) / 143);
});

test('evaluate takes --limit and a batch, and compares a build directory with its own program', async ({ folder }) => {
	const build = join(folder, 'batched');
	await json('compile', model, '-o', build, '--batch', '8');
	const args = ['--data', features, '--labels', labels, '--backend', 'simulate', '--limit', '21'];
	const result = await json('evaluate', build, ...args, '--against', 'clear');
	assert.equal([result.samples, result.reference], [21, 'program']);
	assert.type(result.flips, 'number');
	assert.is((await json('evaluate', build, ...args)).flips, null);
});

test('what cannot be accepted ends with 3, one line on stderr and nothing on stdout', async ({ folder }) => {
	const path = (name: string): string => join(folder, name);
	writeFileSync(path('garbage.onnx'), 'This is no model.');
	writeFileSync(path('cut.onnx'), readFileSync(model).subarray(0, 1000));
	writeFileSync(path('empty.onnx'), '');
	copyFileSync(model, path('alone.onnx'));
	const cases: readonly (readonly string[])[] = [
		['compile', path('garbage.onnx')],
		['compile', path('cut.onnx')],
		['compile', path('empty.onnx')],
		['compile', model, '--calibrate', path('wrong.npy')],
		['compile', model, '--calibrate', path('missing.npy')],
		['compile', model, '--outputs', 'nothing'],
		['compile', model, '--plain', 'features=x.npy'],
		['run', model, '--input', path('wrong.npy')],
		['run', model, '--input', `other=${path('one.npy')}`],
		['run', folder, '--input', path('one.npy')],
		['evaluate', model, '--data', path('two.npy'), '--labels', labels],
		['run', path('alone.onnx'), '--input', path('one.npy'), '--input-range', '0,1', '--backend', 'clear'],
	];
	for (const args of cases) {
		const { status, stdout, stderr } = await start(...args, '--quiet');
		assert.equal([status, stdout], [3, ''], `${args.join(' ')}: ${stderr}`);
		assert.match(stderr, /^(error: [^\n]+\n)+$/, args.join(' '));
	}
});

test('a model without calibration says where its ranges come from', async ({ folder }) => {
	const alone = join(folder, 'uncalibrated.onnx');
	copyFileSync(model, alone);
	const compiled = await start('compile', alone, '-o', join(folder, 'u'));
	assert.match(compiled.stderr, /\[-1, 1\]/);
	const run = await start('run', alone, '--input', join(folder, 'two.npy'), '--backend', 'clear');
	assert.is(run.status, 0, run.stderr);
	assert.match(run.stderr, /ranges are taken from the given input/);
	assert.match((await start('compile', model, '-o', join(folder, 'u'))).stderr, /model\.calibration\.npy/);
});

test('inspect shows one pass or all of them, or the report of a build directory', async ({ folder }) => {
	const stages = (await json('inspect', model)).stages as { pass: string; text: string }[];
	assert.ok(stages.length > 3);
	const [first] = stages;
	assert.is((await start('inspect', model, '--after', first?.pass ?? '')).stdout, `${first?.text}\n`);
	const build = join(folder, 'inspected');
	await json('compile', model, '-o', build);
	assert.equal(await json('inspect', build), JSON.parse(readFileSync(join(build, 'report.json'), 'utf8')));
	assert.is((await start('inspect', build, '--after', first?.pass ?? '')).status, 2);
});

test('ops lists operators with their domain and first opset', async () => {
	const ops = (await json('ops')).ops as { op: string; domain: string; since: number }[];
	const gemm = ops.find(({ op }) => op === 'Gemm');
	assert.is(gemm?.domain, 'ai.onnx');
	assert.type(gemm?.since, 'number');
});

test.run();
