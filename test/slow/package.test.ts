import { execFileSync, spawnSync } from 'node:child_process';
import {
	chmodSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readArrays, writeNpy } from '../../cli/arrays.ts';
import type { Report } from '../../compiler/report.ts';

/** The package as it is published, in a project of its own: built JavaScript only, encrypted from end to end. */
const root = join(import.meta.dirname, '..', '..');
const zoo = (name: string): string => join(root, 'models', name);

type Json = Readonly<Record<string, unknown>>;
type Outputs = readonly { readonly name: string; readonly data: readonly number[] }[];

const test = suite('package', { project: '' });

test.before((context) => {
	context.project = mkdtempSync(join(tmpdir(), 'onnx-seal-package-'));
	const modules = join(context.project, 'node_modules');
	mkdirSync(modules);
	execFileSync('npm', ['pack', '--silent', '--pack-destination', context.project], { cwd: root });
	const archive = readdirSync(context.project).find((name) => name.endsWith('.tgz')) ?? '';
	execFileSync('tar', ['-xzf', join(context.project, archive), '-C', modules]);
	symlinkSync(join(modules, 'package'), join(modules, 'onnx-seal'));
	for (const name of readdirSync(join(root, 'node_modules')))
		if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name));
	writeFileSync(join(context.project, 'package.json'), '{"type":"module"}');
});

test.after((context) => {
	rmSync(context.project, { recursive: true });
});

const run = (project: string, args: readonly string[]) =>
	spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', maxBuffer: 2 ** 28 });

const cli = (project: string, ...args: readonly string[]): Json => {
	const bin = join(project, 'node_modules', 'package', 'cli', 'bin.js');
	const { status, stdout, stderr } = run(project, [bin, ...args, '--json', '--quiet']);
	assert.equal([status, stderr], [0, ''], args.join(' '));
	return JSON.parse(stdout) as Json;
};

test('the package holds no TypeScript source and nothing of the tests', ({ project }) => {
	const files = readdirSync(join(project, 'node_modules', 'package'), { recursive: true, encoding: 'utf8' });
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
	const bin = path(join('node_modules', 'package', 'cli', 'bin.js'));
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

test.run();
