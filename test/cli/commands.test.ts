import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readArrays, writeNpy } from '../../cli/arrays.ts';
import type { Evidence } from '../../cli/evidence/evidence.ts';
import type { Report } from '../../compiler/report.ts';
import { buildModel, node } from '../support/onnx.ts';
import { type Ended, start } from './support.ts';

type Json = Readonly<Record<string, unknown>>;
type Near = { readonly meanError: number; readonly rmsError: number; readonly r2: number | null };
type Outputs = readonly {
	readonly name: string;
	readonly shape: readonly number[];
	readonly data: readonly number[];
}[];

/** y = (a + 2 b)^2 on four elements, and z = a - b: two inputs and two outputs. */
const twoPorts = buildModel({
	nodes: [
		node('Mul', ['b', 'two'], ['b2']),
		node('Add', ['a', 'b2'], ['s']),
		node('Mul', ['s', 's'], ['y']),
		node('Sub', ['a', 'b'], ['z']),
	],
	initializers: new Map([['two', { shape: [1], data: [2] }]]),
	inputs: [
		{ name: 'a', shape: [1, 4] },
		{ name: 'b', shape: [1, 4] },
	],
	outputs: ['y', 'z'],
});
/** y = x^2 - x on two elements: class 1 wins where its value is larger. */
const onePort = buildModel({
	nodes: [node('Mul', ['x', 'x'], ['q']), node('Sub', ['q', 'x'], ['y'])],
	inputs: [{ name: 'x', shape: [1, 2] }],
	outputs: ['y'],
});

const test = suite('commands', { folder: '', one: '', two: '', build: '' });

/** The one JSON object of a command that succeeds and has nothing else to say. */
const json = async (...args: readonly string[]): Promise<Json> => {
	const { status, stdout, stderr } = await start(...args, '--json', '--quiet');
	assert.equal([status, stderr], [0, ''], args.join(' '));
	return JSON.parse(stdout) as Json;
};

const array = (folder: string, name: string, shape: readonly number[], data: readonly number[]): string => {
	const path = join(folder, name);
	writeNpy(path, { shape, data: Float64Array.from(data) });
	return path;
};

const near = (found: readonly number[] | undefined, expected: readonly number[], error = 0.02): void => {
	assert.is(found?.length, expected.length);
	for (const [i, value] of expected.entries())
		assert.ok(Math.abs((found?.[i] ?? Number.NaN) - value) < error, `${found?.join(' ')}, not ${expected.join(' ')}`);
};

test.before(async (context) => {
	context.folder = mkdtempSync(join(tmpdir(), 'onnx-seal-cli-'));
	context.one = join(context.folder, 'one.onnx');
	context.two = join(context.folder, 'two.onnx');
	context.build = join(context.folder, 'build');
	writeFileSync(context.one, onePort);
	writeFileSync(context.two, twoPorts);
	await json('compile', context.one, '-o', context.build);
});
test.after((context) => {
	rmSync(context.folder, { recursive: true });
});

test('compile writes a client, a server and a report, and the same bytes every time', async (context) => {
	const again = join(context.folder, 'again');
	const result = await json('compile', context.one, '-o', again);
	for (const name of ['client/index.js', 'client/index.d.ts', 'server/index.js', 'report.json', 'report.html'])
		assert.ok(existsSync(join(again, name)), name);
	const listed = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
	assert.equal(listed(context.build), listed(again));
	for (const name of result.files as string[])
		assert.ok(readFileSync(join(again, name)).equals(readFileSync(join(context.build, name))), name);
	for (const field of ['model', 'parameters', 'counts', 'keys', 'predictedBits', 'timings'])
		assert.ok(field in result, field);
});

test('run gives the fields that other tools read, from a model and from a build directory', async (context) => {
	const input = array(context.folder, 'x.npy', [1, 2], [0.5, -0.5]);
	const promised = JSON.parse(readFileSync(join(context.build, 'report.json'), 'utf8')) as Report;
	assert.ok(promised.keys.bytes > 0);
	for (const path of [context.one, context.build]) {
		const result = await json('run', path, '--input', input, '--backend', 'simulate');
		const [output] = result.outputs as Outputs;
		assert.equal([output?.name, output?.shape], ['y', [1, 2]]);
		near(output?.data, [-0.25, 0.75]);
		const parameters = result.parameters as Json;
		for (const field of ['ringDegree', 'logQ', 'primes', 'securityBits', 'level'])
			assert.ok(field in parameters, field);
		assert.ok((parameters.securityBits as number) >= 128);
		const counts = result.counts as Json;
		for (const field of ['rotations', 'relinearizations', 'plainProducts', 'depth']) assert.ok(field in counts, field);
		const timings = result.timings as Json;
		for (const field of ['compileMs', 'keygenMs', 'encryptMs', 'evaluateMs', 'decryptMs'])
			assert.type(timings[field], 'number', field);
		assert.is((result.keys as { bytes: number }).bytes, promised.keys.bytes);
		assert.type(result.predictedBits, 'number');
		assert.is(result.maxAbsError === null, path === context.build);
	}
});

test('every sample of a batch is run, and outputs are stacked and written', async ({ folder, build }) => {
	const input = array(folder, 'batch.npy', [3, 2], [0.5, -0.5, 1, 0, 0.25, -1]);
	const file = join(folder, 'y.npy');
	const result = await json('run', build, '--input', `x=${input}`, '--output', file, '--backend', 'clear');
	assert.equal(result.outputs, [{ name: 'y', shape: [3, 2], file }]);
	near([...(readArrays(file).get('')?.data ?? [])], [-0.25, 0.75, 0, 0, -0.1875, 2]);
});

test('several inputs and outputs are given and taken by name', async ({ folder, two }) => {
	const a = array(folder, 'a.npy', [1, 4], [0, 0.5, -0.5, 1]);
	const b = array(folder, 'b.npy', [1, 4], [1, 0, 0.25, -0.5]);
	const z = join(folder, 'z.npy');
	const args = ['--input', `a=${a}`, '--input', `b=${b}`, '--backend', 'clear'];
	const result = await json('run', two, ...args, '--output', `z=${z}`);
	const [first, second] = result.outputs as Outputs;
	near(first?.data, [4, 0.25, 0, 0]);
	assert.equal(second, { name: 'z', shape: [1, 4], file: z });
	near([...(readArrays(z).get('')?.data ?? [])], [-1, 0.5, -0.75, 1.5]);
	const only = await json('run', two, ...args, '--outputs', 'z');
	assert.equal((only.outputs as Outputs).map(({ name }) => name), ['z']); // biome-ignore format: one thought
});

test('an input that cancels out of the model is read for the comparison and not encrypted', async ({ folder }) => {
	const path = join(folder, 'cancels.onnx');
	const bytes = buildModel({
		nodes: [node('Mul', ['z', 'zero'], ['n']), node('Add', ['x', 'n'], ['y'])],
		initializers: new Map([['zero', { shape: [1], data: [0] }]]),
		inputs: [
			{ name: 'x', shape: [1, 2] },
			{ name: 'z', shape: [1, 2] },
		],
		outputs: ['y'],
	});
	writeFileSync(path, bytes);
	const x = `x=${array(folder, 'cx.npy', [2, 2], [0.5, -0.5, -0.25, 1])}`;
	const z = `z=${array(folder, 'cz.npy', [2, 2], [1, 2, 3, 4])}`;
	const labels = array(folder, 'cl.npy', [2], [0, 1]);
	for (const backend of ['clear', 'seal']) {
		const ran = await json('run', path, '--input', x, '--input', z, '--backend', backend);
		near((ran.outputs as Outputs)[0]?.data, [0.5, -0.5, -0.25, 1]);
		assert.ok((ran.maxAbsError as number) < 0.02);
	}
	const args = ['--data', x, '--data', z, '--labels', labels, '--backend', 'clear'];
	const { accuracy, clearAccuracy, flips } = await json('evaluate', path, ...args);
	assert.equal([accuracy, clearAccuracy, flips], [1, 1, 0]);
});

test('run refuses an output whose folder is missing, or is a file, before it evaluates', async ({ folder, build }) => {
	const input = array(folder, 'early.npy', [1, 2], [0, 0]);
	const missing = join(folder, 'missing');
	for (const [file, said] of [
		[join(missing, 'y.npy'), `${missing} for`],
		[`y=${join(missing, 'y.npy')}`, 'does not exist'],
		[join(input, 'y.npy'), 'is not a folder'],
	] as const) {
		const { status, stdout, stderr } = await start('run', build, '--input', input, '--output', file);
		assert.equal([status, stdout], [3, '']);
		assert.ok(stderr.includes(said), stderr);
		// One line: no stage had begun, else its name would stand before.
		assert.match(stderr, /^error: [^\n]+\n$/);
	}
});

test('evaluate warns when ranges come from the samples it evaluates', async ({ folder, one, build }) => {
	const data = array(folder, 'self.npy', [2, 2], [0.5, -0.5, -0.5, 0.5]);
	const labels = array(folder, 'selflabels.npy', [2], [1, 0]);
	const args = ['--data', data, '--labels', labels, '--backend', 'clear'];
	const about = /fitted to the samples that are evaluated/;
	const warnings = async (...given: readonly string[]): Promise<readonly string[]> =>
		(await json('evaluate', ...given, ...args)).warnings as string[];
	assert.is((await warnings(one)).filter((warning) => about.test(warning)).length, 1);
	assert.match((await start('evaluate', one, ...args, '--quiet')).stdout, about);
	for (const given of [[build], [one, '--calibrate', data], [one, '--input-range', '-1,1']])
		assert.not.ok(
			(await warnings(...given)).some((warning) => about.test(warning)),
			given.join(' '),
		);
});

test('evaluate counts right and flipped decisions by sample', async ({ folder, one, build }) => {
	// y decides for class 1 where x[1]^2 - x[1] > x[0]^2 - x[0].
	const data = array(folder, 'data.npy', [4, 2], [0.5, -0.5, -0.5, 0.5, 0.4, -0.9, -1, 0.5]);
	const labels = array(folder, 'labels.npy', [4], [1, 0, 0, 0]);
	const args = ['--data', data, '--labels', labels, '--backend', 'simulate'];
	const result = await json('evaluate', one, ...args);
	const { samples, accuracy, clearAccuracy, flips, agreement } = result;
	assert.equal([samples, accuracy, clearAccuracy, flips, agreement], [4, 0.75, 0.75, 0, 1]);
	assert.ok((result.maxAbsError as number) > 0 && (result.maxAbsError as number) < 0.02);
	const limited = await json('evaluate', build, ...args, '--limit', '3', '--against', 'clear');
	assert.equal([limited.samples, limited.accuracy, limited.reference, limited.flips], [3, 2 / 3, 'program', 0]);
	assert.is((await json('evaluate', build, ...args)).flips, null);
});

test('evaluate shows the evidence for its numbers, in the result and on a page', async ({ folder, one, build }) => {
	const data = array(folder, 'evidence.npy', [4, 2], [0.5, -0.5, -0.5, 0.5, 0.4, -0.9, -1, 0.5]);
	const labels = array(folder, 'evidencelabels.npy', [4], [1, 0, 0, 0]);
	const html = join(folder, 'pages', 'evidence.html');
	const args = ['--data', data, '--labels', labels, '--backend', 'simulate'];
	const result = await json('evaluate', one, ...args, '--html', html);
	const evidence = result.evidence as Evidence;
	assert.ok(evidence.precision.bounded && evidence.errors.absolute.max < evidence.precision.predictedError);
	assert.is(evidence.errors.absolute.max, result.maxAbsError);
	assert.equal(evidence.flipped, []);
	assert.equal(evidence.confusion?.found, [[2, 1], [0, 1]]); // biome-ignore format: a matrix
	// x^2 - x of -1 and 0.5, and by how much the first is ahead.
	const last = evidence.worst.find(({ sample }) => sample === 3);
	assert.equal([last?.label, last?.clear, last?.margin], [0, 0, 2.25]);
	assert.ok(evidence.layers.length > 0 && evidence.layers.every(({ approximation }) => (approximation ?? 0) < 1e-12));
	const page = readFileSync(html, 'utf8');
	assert.match(page, /^<!doctype html>/);
	assert.not.match(page, /<script|https?:|NaN|undefined/);
	for (const title of ['Errors', 'Margins', 'Confusion matrix', 'Layer by layer', 'Program'])
		assert.ok(page.includes(`<h2>${title}</h2>`), title);
	const built = (await json('evaluate', build, ...args, '--against', 'clear')).evidence as Evidence;
	assert.equal(built.layers, []);
	assert.ok(built.precision.bounded);
	assert.is((await json('evaluate', build, ...args, '--html', html)).evidence, null);
	assert.match(readFileSync(html, 'utf8'), /<h2>Result<\/h2>/);
	assert.is((await start('evaluate', one, ...args, '--html', folder)).status, 2);
});

test('what encryption alone does is measured, simulated and predicted', async ({ folder, one, build }) => {
	const data = array(folder, 'alone.npy', [2, 2], [0.5, -0.5, -0.5, 0.5]);
	const labels = array(folder, 'alonelabels.npy', [2], [1, 0]);
	const args = ['--data', data, '--labels', labels];
	for (const given of [[one], [build, '--against', 'clear']]) {
		const { encryption } = (await json('evaluate', ...given, ...args)).evidence as Evidence;
		if (encryption === null) throw new Error('there is nothing of encryption');
		assert.is(encryption.samples, 2);
		const { measured, simulated, predicted } = encryption;
		assert.ok(measured.max > 0 && simulated.max > 0 && measured.max <= predicted, `${measured.max} ${predicted}`);
		// Four values are few; the same noise is far closer than a power of ten.
		assert.ok(measured.rms < 10 * simulated.rms && simulated.rms < 10 * measured.rms);
	}
	const simulated = await json('evaluate', one, ...args, '--backend', 'simulate');
	assert.is((simulated.evidence as Evidence).encryption, null);
});

test('labels that are values make a regression of it', async ({ folder, one }) => {
	const data = array(folder, 'values.npy', [3, 2], [1, 0, 0.5, -1, -0.5, 0.5]);
	// x^2 - x is 0 0, -0.25 2, 0.75 -0.25: off by 0.5 in one place; the variance-weighted R^2 is scikit-learn's.
	const labels = array(folder, 'targets.npy', [3, 2], [0, 0, -0.75, 2, 0.75, -0.25]);
	const html = join(folder, 'regression.html');
	const result = await json('evaluate', one, '--data', data, '--labels', labels, '--backend', 'clear', '--html', html);
	assert.equal([result.accuracy, result.clearAccuracy, result.flips, result.agreement], [null, null, null, null]);
	const { clear, found } = result.regression as { clear: Near; found: Near };
	near([clear.meanError, clear.rmsError, clear.r2 ?? 0], [0.5 / 6, 0.5 / Math.sqrt(6), 0.94], 1e-9);
	near([found.meanError, found.rmsError, found.r2 ?? 0], [clear.meanError, clear.rmsError, clear.r2 ?? 0], 1e-6);
	assert.match(readFileSync(html, 'utf8'), /<h2>Values<\/h2>/);
	const wrong = array(folder, 'half.npy', [3], [0.5, 1, 0]);
	const { status, stderr } = await start('evaluate', one, '--data', data, '--labels', wrong, '--backend', 'clear');
	assert.is(status, 3);
	assert.match(stderr, /not whole numbers/);
});

test('samples that share a ciphertext give the results of each alone', async ({ folder, one }) => {
	const input = array(folder, 'five.npy', [5, 2], [1, 0, 0.5, 0.5, -1, 0.25, 0, -0.5, 1, 1]);
	const result = await json('run', one, '--input', input, '--batch', '4', '--backend', 'clear');
	near((result.outputs as Outputs)[0]?.data, [0, 0, -0.25, -0.25, 2, -0.1875, 0, 0.75, 0, 0]);
});

test('what computes and on how many threads is in the result, and node-seal says that it takes one', async ({
	folder,
	build,
}) => {
	const input = array(folder, 'who.npy', [1, 2], [0.5, -0.25]);
	const runs = [
		{ args: [], who: ['kernel', 1], notes: 0 },
		{ args: ['--threads', '2'], who: ['kernel', 2], notes: 0 },
		{ args: ['--backend', 'seal', '--threads', '2'], who: ['seal', 1], notes: 1 },
		{ args: ['--backend', 'clear', '--threads', '2'], who: ['clear', 1], notes: 1 },
	];
	const results: (readonly number[])[] = [];
	for (const { args, who, notes } of runs) {
		const { status, stdout, stderr } = await start('run', build, '--input', input, '--json', ...args);
		assert.is(status, 0, stderr);
		const { backend, threads, outputs } = JSON.parse(stdout) as Record<string, unknown>;
		assert.equal([backend, threads], who);
		assert.is(stderr.match(/^Note: .* one thread\.$/gm)?.length ?? 0, notes, stderr);
		results.push((outputs as Outputs)[0]?.data ?? []);
	}
	for (const result of results) near(result, results[3] ?? []);
});

test('the run by files computes with every engine', async ({ folder, build }) => {
	const path = (name: string): string => join(folder, name);
	const input = array(folder, 'byFiles.npy', [1, 2], [0.5, -0.25]);
	const several = array(folder, 'several.npy', [3, 2], [0.1, 0.2, 0.5, -0.25, 0.3, 0.4]);
	const done = async (...args: readonly string[]): Promise<Record<string, unknown>> => json(...args);
	await done('keygen', build, '--secret', path('secret.bin'), '--public', path('public.bin'));
	const encrypt = ['encrypt', build, '--secret', path('secret.bin'), '--input', several, '--output', path('in.bin')];
	await done(...encrypt, '--sample', '1', '--threads', '2');
	assert.match((await start(...encrypt, '--sample', '3')).stderr, /no sample 3: they are numbered from 0 to 2/);
	const clear = (await json('run', build, '--input', input, '--backend', 'clear')).outputs as Outputs;
	for (const args of [[], ['--threads', '2'], ['--backend', 'seal']]) {
		await done(
			'infer',
			build,
			'--public',
			path('public.bin'),
			'--input',
			path('in.bin'),
			'--output',
			path('out.bin'),
			...args,
		);
		const { outputs } = await done('decrypt', build, '--secret', path('secret.bin'), '--input', path('out.bin'));
		near((outputs as Outputs)[0]?.data, clear[0]?.data ?? []);
	}
});

test('what cannot be accepted ends with 3, one line for each problem and nothing on stdout', async (context) => {
	const { folder, one, two, build } = context;
	const path = (name: string): string => join(folder, name);
	const good = array(folder, 'good.npy', [1, 2], [0, 0]);
	const wrong = array(folder, 'wrong.npy', [1, 3], [0, 0, 0]);
	const far = array(folder, 'far.npy', [1, 2], [0, 1000]);
	writeFileSync(path('garbage.onnx'), 'This is no model.');
	writeFileSync(path('cut.onnx'), onePort.subarray(0, -20));
	writeFileSync(path('empty.onnx'), '');
	writeFileSync(path('text.npy'), '1, 2');
	const unsupported = [node('Det', ['x'], ['d'], { name: 'first' }), node('NonZero', ['d'], ['y'], { name: 'second' })];
	writeFileSync(
		path('unsupported.onnx'),
		buildModel({ nodes: unsupported, inputs: [{ name: 'x', shape: [1, 2] }], outputs: ['y'] }),
	);
	const cases: readonly (readonly string[])[] = [
		['compile', path('garbage.onnx')],
		['compile', path('cut.onnx')],
		['compile', path('empty.onnx')],
		['compile', path('unsupported.onnx')],
		['compile', one, '--calibrate', wrong],
		['compile', one, '--calibrate', path('missing.npy')],
		['compile', one, '--calibrate', path('text.npy')],
		['compile', one, '--outputs', 'nothing'],
		['compile', one, '--set', 'unknown=3'],
		['compile', one, '--plain', `x=${good}`],
		['run', one, '--input', wrong],
		['run', one, '--input', `other=${good}`],
		['run', two, '--input', good],
		['run', folder, '--input', good],
		['run', build, '--input', far, '--backend', 'clear'],
		['run', build, '--input', good, '--backend', 'clear', '--output', `other=${path('o.npy')}`],
		['evaluate', build, '--data', good, '--labels', wrong],
	];
	for (const args of cases) {
		const { status, stdout, stderr } = await start(...args, '--quiet');
		assert.equal([status, stdout], [3, ''], `${args.join(' ')}: ${stderr}`);
		assert.match(stderr, /^(error: [^\n]+\n)+$/, args.join(' '));
	}
});

test('all unsupported nodes are named at once, with operator, domain and opset', async ({ folder }) => {
	const path = join(folder, 'both.onnx');
	const nodes = [node('Det', ['x'], ['d'], { name: 'first' }), node('TopK', ['x'], ['h'], { name: 'second' })];
	writeFileSync(path, buildModel({ nodes, inputs: [{ name: 'x', shape: [2, 2] }], outputs: ['d', 'h'] }));
	const { stderr } = await start('compile', path);
	const [a = '', b = ''] = stderr.split('\n');
	for (const fact of ['first', 'Det', 'ai.onnx', 'opset 13']) assert.ok(a.includes(fact), a);
	for (const fact of ['second', 'TopK', 'ai.onnx', 'opset 13']) assert.ok(b.includes(fact), b);
});

test('options that would change nothing are wrong usage', async ({ folder, build }) => {
	const input = array(folder, 'u.npy', [1, 2], [0, 0]);
	const { status, stderr } = await start(
		'run',
		build,
		'--input',
		input,
		'--precision',
		'5',
		'--batch',
		'2',
		'--maxpool',
		'average',
	);
	assert.is(status, 2);
	assert.match(stderr, /--batch, --precision, --maxpool/);
	const inspected = await start('inspect', build, '--max-keys', '2');
	assert.is(inspected.status, 2);
	assert.match(inspected.stderr, /--max-keys/);
});

test('the source of the ranges is said', async ({ folder, one }) => {
	const said = async (...args: readonly string[]): Promise<Ended> => {
		const ended = await start(...args);
		assert.is(ended.status, 0, ended.stderr);
		return ended;
	};
	const input = array(folder, 'many.npy', [3, 2], [0, 1, 2, 3, 4, 5]);
	const out = ['-o', join(folder, 'out')];
	assert.match((await said('compile', one, ...out)).stderr, /assumed to lie in \[-1, 1\]/);
	assert.match((await said('run', one, '--input', input, '--backend', 'clear')).stderr, /taken from the given input/);
	const copy = join(folder, 'beside.onnx');
	writeFileSync(copy, onePort);
	array(folder, 'beside.calibration.npy', [3, 2], [0, 1, 2, 3, 4, 5]);
	assert.match((await said('compile', copy, ...out)).stderr, /beside\.calibration\.npy/);
	const chosen = await said('compile', copy, ...out, '--input-range', '0,2');
	assert.not.match(chosen.stderr, /calibration\.npy/);
});

test('inspect shows what was decided for a model or a build, and one pass or all of them', async ({ one, build }) => {
	const stages = (await json('inspect', one, '--after', 'all')).stages as { pass: string; text: string }[];
	assert.ok(stages.length > 3);
	const [first] = stages;
	assert.is((await start('inspect', one, '--quiet', '--after', first?.pass ?? '')).stdout, `${first?.text}\n`);
	assert.equal((await json('inspect', one, '--after', first?.pass ?? '')).stages, [first]);
	const built = JSON.parse(readFileSync(join(build, 'report.json'), 'utf8'));
	assert.equal(await json('inspect', build), built);
	assert.equal(await json('inspect', one), built);
	assert.is((await start('inspect', build)).stdout, (await start('inspect', one, '--quiet')).stdout);
	assert.is((await start('inspect', build, '--after', first?.pass ?? '')).status, 2);
});

test('a report that another version wrote is refused', async ({ folder }) => {
	const old = join(folder, 'old');
	mkdirSync(old);
	writeFileSync(
		join(old, 'report.json'),
		JSON.stringify({ model: { name: 'old', inputs: [], outputs: [] }, layers: [] }),
	);
	const { status, stderr } = await start('inspect', old);
	assert.is(status, 3);
	assert.match(stderr, /lacks fields of a report[\s\S]*Compile the model again/);
});

test('the report page holds the report, nothing from outside, and no markup from the model', async ({ folder }) => {
	const path = join(folder, 'markup.onnx');
	const nodes = [node('Mul', ['<b>x</b>', '<b>x</b>'], ['y'], { name: '<script>alert(1)</script>' })];
	writeFileSync(path, buildModel({ nodes, inputs: [{ name: '<b>x</b>', shape: [1, 2] }], outputs: ['y'] }));
	await json('compile', path, '-o', join(folder, 'markup'));
	const page = readFileSync(join(folder, 'markup', 'report.html'), 'utf8');
	assert.match(page, /&lt;script&gt;/);
	const text = page.replaceAll(/src="data:image\/png;base64,[\w+/=]*"/g, '').replaceAll(/href="#layer-\d+"/g, '');
	assert.not.match(text, /<script|<b>x|https?:|src=|href="[^#]|undefined|NaN/);
});

test('ops lists operators with their domain, opsets, how they are computed and what they cost', async () => {
	type Op = { readonly op: string; readonly domain: string; readonly how: string; readonly cost: string };
	const ops = (await json('ops')).ops as (Op & { readonly since: number; readonly until: number })[];
	const find = (name: string) => ops.find(({ op }) => op === name);
	assert.is(find('Gemm')?.domain, 'ai.onnx');
	assert.equal([find('Gelu')?.since, find('Gelu')?.until, find('Upsample')?.until], [20, 28, 9]);
	assert.equal(['Conv', 'Relu', 'ArgMax', 'Shape'].map((op) => find(op)?.how), ['exact', 'approximate', 'client', 'constant']); // biome-ignore format: one thought
	for (const { op, cost } of ops) assert.ok(cost.length > 0, op);
	const { stdout } = await start('ops');
	assert.match(stdout, /^ai\.onnx +Upsample +7-9 +exact +linear/m);
});

test.run();
