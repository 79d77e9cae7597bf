import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readArrays, writeNpy } from '../../cli/arrays.ts';
import type { Report } from '../../compiler/report.ts';
import { installPackage } from './installed.ts';
import { firstWords, startScript } from './serve.ts';
import { TYPED_APP } from './typedApp.ts';

/** The package as it is published, in a project of its own: built JavaScript only, encrypted from end to end. */
const root = join(import.meta.dirname, '..', '..');
const zoo = (name: string): string => join(root, 'models', name);

type Json = Readonly<Record<string, unknown>>;
type Outputs = readonly { readonly name: string; readonly data: readonly number[] }[];

const test = suite('package', { project: '' });

test.before((context) => {
	context.project = mkdtempSync(join(tmpdir(), 'onnx-seal-package-'));
	installPackage(context.project);
});

test.after((context) => {
	rmSync(context.project, { recursive: true });
});

const run = (project: string, args: readonly string[]) =>
	spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', maxBuffer: 2 ** 28 });

const cli = (project: string, ...args: readonly string[]): Json => {
	const bin = join(project, 'node_modules', 'onnx-seal', 'cli', 'bin.js');
	const { status, stdout, stderr } = run(project, [bin, ...args, '--json', '--quiet']);
	assert.equal([status, stderr], [0, ''], args.join(' '));
	return JSON.parse(stdout) as Json;
};

test('the package holds no TypeScript source and nothing of the tests', ({ project }) => {
	const files = readdirSync(join(project, 'node_modules', 'onnx-seal'), { recursive: true, encoding: 'utf8' });
	assert.ok(files.includes(join('dist', 'cli', 'main.js')));
	assert.equal(files.filter((file) => (/\.ts$/.test(file) && !/\.d\.ts$/.test(file)) || /^(test|bench)\b/.test(file)), []); // biome-ignore format: one thought
});

test('encrypted MNIST digits get the labels that the network gives them in the clear', ({ project }) => {
	const folder = zoo('mnist-cryptonets');
	const [data, labels] = [join(folder, 'samples', 'images.npy'), join(folder, 'samples', 'labels.npy')];
	const args = ['--data', data, '--labels', labels, '--limit', '3'];
	const result = cli(project, 'evaluate', join(folder, 'model.onnx'), ...args);
	assert.equal([result.samples, result.accuracy, result.clearAccuracy, result.flips], [3, 1, 1, 0]);
	assert.ok((result.maxAbsError as number) < 0.1, `error ${String(result.maxAbsError)}`);
});

test('the generated modules run the whole protocol and agree with the command line', ({ project }) => {
	const folder = zoo('breast-cancer');
	cli(project, 'compile', join(folder, 'model.onnx'), '-o', join(project, 'build'));
	const sample =
		readArrays(join(folder, 'samples', 'features.npy'))
			.get('')
			?.data.slice(0, 30) ?? [];
	writeNpy(join(project, 'x.npy'), { shape: [1, 30], data: Float64Array.from(sample) });
	writeFileSync(
		join(project, 'protocol.js'),
		`import { createClient } from './build/client/index.js';
		import { createServer } from './build/server/index.js';
		const server = await createServer({ threads: 2 });
		const client = await createClient({ threads: 2 });
		if (server.backend !== 'kernel' || server.threads !== 2) throw new Error(server.backend + ' ' + server.threads);
		await server.loadKeys(await client.evaluationKeys());
		const answer = await server.evaluate(await client.encrypt({ features: ${JSON.stringify([...sample])} }));
		const { outputs } = await client.decrypt(answer);
		console.log(JSON.stringify([...outputs.get('probability').data]));`,
	);
	const protocol = run(project, ['protocol.js']);
	assert.is(protocol.status, 0, protocol.stderr);
	const clear = cli(project, 'run', join(project, 'build'), '--input', 'x.npy', '--backend', 'clear');
	const [expected] = (clear.outputs as Outputs)[0]?.data ?? [];
	const [found] = JSON.parse(protocol.stdout) as number[];
	assert.ok(Math.abs((found as number) - (expected as number)) < 0.02, `${found}, not ${expected}`);
});

const STRICT = {
	...{ target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable'], types: [], noEmit: true },
	...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
};
const RESOLUTIONS = { node: { module: 'nodenext' }, bundler: { module: 'esnext', moduleResolution: 'bundler' } };

test('wrong names, shapes and options are errors in a strict TypeScript app, with the resolution of Node and of bundlers', ({
	project,
}) => {
	cli(project, 'compile', join(zoo('mnist-cryptonets'), 'model.onnx'), '-o', join(project, 'digits'));
	writeFileSync(join(project, 'app.ts'), TYPED_APP);
	for (const [name, options] of Object.entries(RESOLUTIONS)) {
		const settings = { compilerOptions: { ...STRICT, ...options }, files: ['app.ts'] };
		writeFileSync(join(project, `${name}.json`), JSON.stringify(settings));
		const { status, stdout } = run(project, [
			join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
			'-p',
			`${name}.json`,
		]);
		assert.equal([status, stdout], [0, ''], name);
	}
});

test('keygen, encrypt, infer and decrypt give the same result by files, and keep the secret key private', ({
	project,
}) => {
	const path = (name: string): string => join(project, name);
	const build = path('build');
	cli(project, 'keygen', build, '--secret', path('key.bin'), '--public', path('keys.bin'));
	assert.is(statSync(path('key.bin')).mode & 0o777, 0o600);
	cli(project, 'encrypt', build, '--secret', path('key.bin'), '--input', 'x.npy', '--output', path('x.bin'));
	cli(project, 'infer', build, '--public', path('keys.bin'), '--input', path('x.bin'), '--output', path('y.bin'));
	const report = JSON.parse(readFileSync(join(build, 'report.json'), 'utf8')) as Report;
	const sizes = ['keys.bin', 'x.bin', 'y.bin'].map((name) => statSync(path(name)).size);
	assert.equal(sizes, [report.keys.bytes, report.traffic.uploadBytes, report.traffic.downloadBytes]);
	const result = cli(project, 'decrypt', build, '--secret', path('key.bin'), '--input', path('y.bin'));
	const clear = cli(project, 'run', build, '--input', 'x.npy', '--backend', 'clear');
	const [found] = (result.outputs as Outputs)[0]?.data ?? [];
	const [expected] = (clear.outputs as Outputs)[0]?.data ?? [];
	assert.ok(Math.abs((found as number) - (expected as number)) < 0.02, `${found}, not ${expected}`);
});

test('keys and messages that were cut off, damaged or swapped are refused with status 3', ({ project }) => {
	const path = (name: string): string => join(project, name);
	const bin = path(join('node_modules', 'onnx-seal', 'cli', 'bin.js'));
	const input = readFileSync(path('x.bin'));
	writeFileSync(path('cut.bin'), input.subarray(0, -1));
	const damaged = Uint8Array.from(input);
	damaged[5000] = (damaged[5000] ?? 0) ^ 1;
	writeFileSync(path('damaged.bin'), damaged);
	// It is taken for a secret key below, and one that others may read is warned about.
	chmodSync(path('keys.bin'), 0o600);
	const attempts = [
		['infer', path('build'), '--public', path('keys.bin'), '--input', path('cut.bin'), '--output', path('no.bin')],
		['infer', path('build'), '--public', path('keys.bin'), '--input', path('damaged.bin'), '--output', path('no.bin')],
		['infer', path('build'), '--public', path('x.bin'), '--input', path('x.bin'), '--output', path('no.bin')],
		['decrypt', path('build'), '--secret', path('keys.bin'), '--input', path('y.bin')],
		['decrypt', path('build'), '--secret', path('key.bin'), '--input', path('x.bin')],
	];
	for (const args of attempts) {
		const { status, stdout, stderr } = run(project, [bin, ...args, '--quiet']);
		assert.equal([status, stdout], [3, ''], args.join(' '));
		assert.match(stderr, /^error: [^\n]+\n$/);
	}
});

test('the built service evaluates in built processes, for a client of the package', async ({ project }) => {
	const path = (name: string): string => join(project, name);
	const bin = path(join('node_modules', 'onnx-seal', 'cli', 'bin.js'));
	const started = startScript(bin, ['serve', path('build'), '--port', '0', '--data', path('data'), '--json']);
	const told = await firstWords(started);
	assert.ok(typeof told === 'object' && told !== null && 'url' in told);
	const [sample] = readArrays(path('x.npy')).values();
	writeFileSync(
		path('remote.js'),
		`import { connect } from 'onnx-seal/runtime/remote';
		const remote = await connect('${String(told.url)}');
		const { outputs } = await remote.infer({ features: ${JSON.stringify([...(sample?.data ?? [])])} });
		console.log(JSON.stringify([...outputs.get('probability').data]));
		await remote.client.dispose();`,
	);
	const asked = run(project, ['remote.js']);
	assert.is(asked.status, 0, `${asked.stderr}\n${started.log()}`);
	const clear = cli(project, 'run', path('build'), '--input', 'x.npy', '--backend', 'clear');
	const [expected] = (clear.outputs as Outputs)[0]?.data ?? [];
	const [found] = JSON.parse(asked.stdout) as number[];
	assert.ok(Math.abs((found as number) - (expected as number)) < 0.02, `${found}, not ${expected}`);
	assert.is(await started.stop(), 0);
});

test.run();
