import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ModelProto } from '../../compiler/onnx/proto.ts';
import { hostileFiles } from '../support/hostile.ts';
import { buildModel, node } from '../support/onnx.ts';
import { start } from './support.ts';

const test = suite('hostile files', { folder: '', outside: '' });

test.before((context) => {
	context.outside = mkdtempSync(join(tmpdir(), 'onnx-seal-hostile-'));
	context.folder = join(context.outside, 'model');
	mkdirSync(context.folder);
});
test.after((context) => {
	rmSync(context.outside, { recursive: true });
});

const bin = new URL('../../cli/bin.js', import.meta.url).pathname;

/** Some of each kind: bytes, depth, cycles, many of something, sizes, expansions, values, other files. */
const SPREAD: readonly string[] = [
	'an empty file',
	'messages 100000 deep',
	'a cycle of 20,000 nodes',
	'70,000 nodes of an unknown operator',
	'70,000 outputs that nothing computes',
	'an initializer of 2^62 elements',
	'Expand to 2^40 elements',
	'a constant that doubles 40 times',
	'a thousand linear maps of 2^20 entries',
	'a weight that is not a number',
	'external data in the parent folder',
];
const hostile = hostileFiles();

const bytesOf = (name: string): Uint8Array => {
	const found = hostile.find((one) => one.name === name);
	if (found === undefined) throw new Error(`there is no hostile file of ${name}`);
	return found.bytes();
};

for (const name of SPREAD)
	test(`${name}: the command ends with status 3 and one error, in 1 GB`, ({ folder }) => {
		const path = join(folder, 'hostile.onnx');
		writeFileSync(path, bytesOf(name));
		const build = join(folder, 'build');
		const options = ['--max-old-space-size=1024', bin, 'compile', path, '-o', build, '--quiet'];
		const { status, stdout, stderr } = spawnSync(process.execPath, options, { encoding: 'utf8' });
		assert.equal([status, stdout], [3, ''], stderr.slice(0, 1000));
		assert.match(stderr, /^error: /);
		assert.not.match(stderr, /^\s+at |defect|RangeError|TypeError|[^\P{Cc}\n]/mu);
		assert.ok(stderr.length < 100_000, 'a message of readable length');
		assert.not.ok(readdirSync(folder).includes('build'));
	});

/** y = x + c, where c lies in another file. */
const externalModel = (location: string): Uint8Array => {
	const model = ModelProto.decode(
		buildModel({
			nodes: [node('Add', ['x', 'c'], ['y'])],
			inputs: [{ name: 'x', shape: [1, 2] }],
			outputs: ['y'],
			initializers: new Map([['c', { shape: [2], data: [1, 2] }]]),
		}),
	);
	const [tensor] = model.graph?.initializer ?? [];
	if (tensor)
		Object.assign(tensor, { rawData: null, dataLocation: 1, externalData: [{ key: 'location', value: location }] });
	return ModelProto.encode(model).finish();
};

/** What each location is, and what is said of it. */
const LOCATIONS: readonly (readonly [location: string, what: string, message: RegExp])[] = [
	['link', 'a link to a file outside', /not below its own folder/],
	['deep/link', 'a link in a folder below to a file outside', /not below its own folder/],
	['linked/secret', 'a file in a folder that is a link', /not below its own folder/],
	['device', 'a link to a device', /not below its own folder/],
	['loop', 'a link to itself', /does not exist/],
	['nowhere', 'a link to nothing', /does not exist/],
	['deep', 'a folder', /is no file/],
	['pipe', 'a pipe', /is no file/],
	['missing', 'nothing', /does not exist/],
	['../secret', 'a file in the parent folder', /below the model's folder/],
	['deep/../../secret', 'a file in the parent folder, by a folder below', /below the model's folder/],
	['short', 'a file that is too short', /holds 4 bytes instead of 8/],
];

test('no file outside of the folder of the model is read, by whatever way it is named', async ({ folder, outside }) => {
	// What lies outside has the size that is needed: were it read, the model would compile.
	const secret = join(outside, 'secret');
	writeFileSync(secret, new Uint8Array(8));
	mkdirSync(join(folder, 'deep'));
	writeFileSync(join(folder, 'deep', 'data'), new Uint8Array(8));
	writeFileSync(join(folder, 'short'), new Uint8Array(4));
	symlinkSync(secret, join(folder, 'link'));
	symlinkSync(secret, join(folder, 'deep', 'link'));
	symlinkSync(outside, join(folder, 'linked'));
	symlinkSync('/dev/zero', join(folder, 'device'));
	symlinkSync('loop', join(folder, 'loop'));
	symlinkSync(join(folder, 'gone'), join(folder, 'nowhere'));
	symlinkSync(join('deep', 'data'), join(folder, 'inside'));
	execFileSync('/usr/bin/mkfifo', [join(folder, 'pipe')]);
	const path = join(folder, 'external.onnx');
	const compiled = async (location: string) => {
		writeFileSync(path, externalModel(location));
		return start('compile', path, '-o', join(outside, 'build'), '--quiet', '--json');
	};
	for (const location of ['deep/data', './deep/data', 'inside'])
		assert.is((await compiled(location)).status, 0, location);
	for (const [location, what, message] of LOCATIONS) {
		const { status, stderr } = await compiled(location);
		assert.is(status, 3, what);
		assert.match(stderr, message, what);
	}
	writeFileSync(path, externalModel(secret));
	assert.is((await compiled(secret)).status, 3);
});

test('a folder that cannot be made ends the command, wherever it would lie', async ({ folder }) => {
	const path = join(folder, 'fine.onnx');
	const initializers = new Map([['c', { shape: [2], data: [1, 2] }]]);
	const nodes = [node('Mul', ['x', 'c'], ['y'])];
	writeFileSync(path, buildModel({ nodes, inputs: [{ name: 'x', shape: [1, 2] }], outputs: ['y'], initializers }));
	for (const output of ['/proc/onnx-seal', '/dev/null/build', join(path, 'build')]) {
		const { status, stderr } = await start('compile', path, '-o', output, '--quiet');
		assert.is(status, 3, output);
		assert.match(stderr, /cannot be made/);
	}
});

test('what a model is called inside is shown without what a terminal obeys', async ({ folder, outside }) => {
	const path = join(folder, 'named.onnx');
	const name = '\u001b[31m\u0007\u202e<script>\r\n"*/';
	writeFileSync(
		path,
		buildModel({
			nodes: [node('Mul', [name, name], ['__proto__'], { name })],
			inputs: [{ name, shape: [1, 2] }],
			outputs: ['__proto__'],
		}),
	);
	const build = join(outside, 'named');
	const { status, stdout, stderr } = await start('compile', path, '-o', build);
	assert.is(status, 0, stderr);
	for (const text of [stdout, stderr]) assert.not.match(text, /[^\P{Cc}\n\t]|\u202e/u);
	const json = await start('compile', path, '-o', build, '--json', '--quiet');
	assert.equal(JSON.parse(json.stdout).model.inputs[0].name, name);
	assert.equal(JSON.parse(json.stdout).model.outputs[0].name, '__proto__');
});

test.run();
