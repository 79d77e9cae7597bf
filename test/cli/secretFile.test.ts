import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeNpy } from '../../cli/arrays.ts';
import { isWrapped, unwrap, wrap } from '../../cli/secretFile.ts';
import { refusalOfAsync } from '../runtime/support.ts';
import { buildModel, node } from '../support/onnx.ts';
import { type Ended, start } from './support.ts';

const test = suite('secret key files', { folder: '', build: '', words: '' });

const secret = Uint8Array.from({ length: 300 }, (_, i) => i % 251);

test.before(async (context) => {
	context.folder = mkdtempSync(join(tmpdir(), 'onnx-seal-secret-'));
	context.build = join(context.folder, 'build');
	context.words = join(context.folder, 'words');
	writeFileSync(context.words, 'correct horse battery\nsecond line\n');
	const model = join(context.folder, 'square.onnx');
	writeFileSync(
		model,
		buildModel({
			nodes: [node('Mul', ['x', 'x'], ['y'])],
			inputs: [{ name: 'x', shape: [1, 2] }],
			outputs: ['y'],
		}),
	);
	assert.is((await start('compile', model, '-o', context.build, '--quiet')).status, 0);
	writeNpy(join(context.folder, 'x.npy'), { shape: [1, 2], data: Float64Array.of(0.5, -0.25) });
});
test.after(({ folder }) => rmSync(folder, { recursive: true }));

test('a wrapped key is read with its passphrase alone, however that was typed', async () => {
	const wrapped = await wrap(secret, 'pass \u00e9 words');
	assert.ok(isWrapped(wrapped) && !isWrapped(secret));
	assert.is(Buffer.from(wrapped).indexOf(secret.subarray(0, 8)), -1);
	assert.equal(await unwrap(wrapped, 'pass e\u0301 words', 'key'), secret);
	assert.not.equal(await wrap(secret, 'pass \u00e9 words'), wrapped, 'salt and nonce are drawn anew');
	const error = await refusalOfAsync(unwrap(wrapped, 'pass words', 'key'));
	assert.is(error.code, 'keys');
	assert.match(error.message, 'the passphrase does not open key');
	assert.not.match(error.message, 'pass words');
});

test('a wrapped key that was changed or cut off is refused', async () => {
	const wrapped = await wrap(secret, 'some words');
	const changed = (at: number): Uint8Array => wrapped.map((byte, i) => (i === at ? byte ^ 1 : byte));
	for (const at of [9, 30, 50, wrapped.length - 1])
		assert.match((await refusalOfAsync(unwrap(changed(at), 'some words', 'key'))).message, 'does not open');
	for (const at of [4, 7])
		assert.match((await refusalOfAsync(unwrap(changed(at), 'some words', 'key'))).message, 'does not know');
	for (const length of [8, 40, 51]) {
		const cut = unwrap(wrapped.subarray(0, length), 'some words', 'key');
		assert.match((await refusalOfAsync(cut)).message, 'cut off');
	}
	assert.is((await refusalOfAsync(unwrap(wrapped.subarray(0, 200), 'some words', 'key'))).code, 'keys');
});

test('the run by files with a passphrase, and a wrong one', async ({ folder, build, words }) => {
	const path = (name: string): string => join(folder, name);
	const withKey = (...args: readonly string[]): Promise<Ended> =>
		start(args[0] ?? '', build, '--secret', path('key.bin'), '--quiet', ...args.slice(1));
	const made = await withKey('keygen', '--public', path('keys.bin'), '--passphrase-file', words);
	assert.is(made.status, 0, made.stderr);
	assert.match(made.stdout, 'behind its passphrase');
	assert.ok(isWrapped(readFileSync(path('key.bin'))));
	assert.is(statSync(path('key.bin')).mode & 0o777, 0o600);

	const other = path('other');
	writeFileSync(other, 'correct horse batterx\n');
	const encrypt = ['encrypt', '--input', path('x.npy'), '--output', path('in.bin')];
	const wrong = await withKey(...encrypt, '--passphrase-file', other);
	assert.is(wrong.status, 3);
	assert.match(wrong.stderr, /^error: the passphrase does not open .*key\.bin, or the file is damaged\./);
	assert.not.match(wrong.stderr, 'batterx');
	assert.is((await withKey(...encrypt, '--passphrase-file', words)).status, 0);

	const infer = ['--public', path('keys.bin'), '--input', path('in.bin'), '--output', path('out.bin'), '--quiet'];
	assert.is((await start('infer', build, ...infer)).status, 0);
	const answer = await withKey('decrypt', '--input', path('out.bin'), '--passphrase-file', words, '--json');
	const { outputs } = JSON.parse(answer.stdout) as { outputs: { data: number[] }[] };
	for (const [i, value] of [0.25, 0.0625].entries())
		assert.ok(Math.abs((outputs[0]?.data[i] ?? Number.NaN) - value) < 0.01);
	if (process.stdin.isTTY !== true)
		assert.match((await withKey('decrypt', '--input', path('out.bin'))).stderr, 'no terminal to ask at');
});

test('a passphrase that is empty, short or for a file that has none is refused', async ({ folder, build, words }) => {
	const path = (name: string): string => join(folder, name);
	for (const [text, why] of [
		['\nwords', 'is empty'],
		['seven77', 'fewer than 8'],
	] as const) {
		writeFileSync(path('bad'), text);
		const args = ['--secret', path('k'), '--public', path('p'), '--passphrase-file', path('bad')];
		const { status, stderr } = await start('keygen', build, ...args);
		assert.is(status, 3);
		assert.match(stderr, why);
	}
	const keys = ['--secret', path('plain.bin'), '--public', path('plainKeys.bin')];
	assert.is((await start('keygen', build, ...keys, '--quiet')).status, 0);
	const encrypt = ['--secret', path('plain.bin'), '--input', path('x.npy'), '--output', path('y.bin'), '--quiet'];
	const { status, stderr } = await start('encrypt', build, ...encrypt, '--passphrase-file', words);
	assert.is(status, 3);
	assert.match(stderr, 'has no passphrase');
	chmodSync(path('plain.bin'), 0o644);
	assert.match((await start('encrypt', build, ...encrypt)).stderr, /Warning: .* may be opened by others \(mode 644\)/);
});

test.run();
