import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const bin = join(import.meta.dirname, '..', '..', 'cli', 'bin.js');

/** Makes the process believe that it is an older Node. */
const pretend = (version: string): readonly string[] => [
	'--import',
	`data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`,
];

const start = (args: readonly string[], node: readonly string[] = [], env: Record<string, string> = {}) =>
	spawnSync(process.execPath, [...node, bin, ...args], { encoding: 'utf8', env: { ...process.env, ...env } });

test('an older Node hands over to the one that is installed beside, with arguments and exit status', () => {
	const shown = start(['--version'], pretend('20.19.0'));
	assert.equal([shown.status, shown.stderr], [0, '']);
	assert.match(shown.stdout, /^\d+\.\d+\.\d+\n$/);
	assert.is(start(['no-such-command'], pretend('22.17.9')).status, 2);
});

test('an older Node that finds no newer one says so in one paragraph and ends with 2', () => {
	const refused = start(['--version'], pretend('18.0.0'), { ONNX_SEAL_HANDED_OVER: '1' });
	assert.equal([refused.status, refused.stdout], [2, '']);
	assert.match(refused.stderr, /^onnx-seal needs Node 22\.18 or newer and this is Node 18\.0\.0\. [^\n]*\n$/);
});

test('nothing but what was asked for is printed', () => {
	const version = start(['--version']);
	assert.equal([version.status, version.stderr], [0, '']);
	const help = start(['--help']);
	assert.equal([help.status, help.stderr], [0, '']);
	for (const name of ['compile', 'run', 'evaluate', 'inspect', 'ops', 'keygen', 'encrypt', 'infer', 'decrypt', 'demo'])
		assert.match(help.stdout, new RegExp(`^ {2}${name} `, 'm'));
});

test.run();
