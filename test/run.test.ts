import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const runner = join(import.meta.dirname, 'run.ts');
const modules = join(import.meta.dirname, '..', 'node_modules');
const head = "import { test } from 'uvu';\nimport * as assert from 'uvu/assert';\n";
const pass = "test('holds', () => assert.is(1, 1));\n";

type Result = { readonly status: number | null; readonly lines: readonly string[]; readonly last: string };

/** Runs the wrapper on a folder of the given test files. */
const run = (files: Record<string, string>, args: readonly string[] = []): Result => {
	const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-run-'));
	try {
		symlinkSync(modules, join(folder, 'node_modules'));
		writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
		for (const [name, text] of Object.entries(files)) {
			mkdirSync(dirname(join(folder, name)), { recursive: true });
			writeFileSync(join(folder, name), text);
		}
		const child = spawnSync(process.execPath, [runner, '--dir', folder, ...args], { encoding: 'utf8' });
		const lines = child.stdout.trimEnd().split('\n');
		return { status: child.status, lines, last: lines.at(-1) ?? '' };
	} finally {
		rmSync(folder, { recursive: true });
	}
};

const traps: readonly (readonly [what: string, text: string, last: string])[] = [
	[
		'an assertion that does not hold',
		`${head}${pass}test('fails', () => assert.is(1, 2));\ntest.run();`,
		'1 passed, 1 failed',
	],
	[
		'a thrown value that is not an Error',
		`${head}${pass}test('throws', () => { throw {}; });\ntest.run();`,
		'1 passed, 1 failed',
	],
	[
		'a before hook that throws',
		`${head}test.before(() => { throw new Error(); });\n${pass}test.run();`,
		'0 passed, 1 failed',
	],
	['a forgotten run()', `${head}${pass}`, '0 passed, 1 failed'],
	['a run() without tests', `${head}test.run();`, '0 passed, 1 failed'],
	[
		'a promise that never settles',
		`${head}test('hangs', () => new Promise(() => {}));\ntest.run();`,
		'0 passed, 1 failed',
	],
	[
		'an exit status of its own',
		`${head}${pass}test.run();\nprocess.on('exit', () => { process.exitCode = 3; });`,
		'1 passed, 1 failed',
	],
	['a file that cannot be imported', "import './missing.ts';", '0 passed, 1 failed'],
];

for (const [what, text, last] of traps) {
	test(`${what} fails the run`, () => {
		const result = run({ 'trap.test.ts': text });
		assert.is(result.status, 1);
		assert.is(result.last, last);
	});
}

test('a file that runs for ever is stopped and fails', () => {
	const result = run({ 'loop.test.ts': 'setInterval(() => {}, 1000);' }, ['--seconds', '1']);
	assert.is(result.status, 1);
	assert.match(result.lines[0] ?? '', /ran out of time/);
});

test('a run without any matching file fails', () => {
	assert.is(run({}).status, 1);
	assert.is(run({ 'good.test.ts': `${head}${pass}test.run();` }, ['other']).last, '0 passed, 1 failed');
});

test('passing files are summed, one bad file fails them all', () => {
	const good = `${head}${pass}test.run();`;
	const both = run({ 'a.test.ts': good, 'deep/b.test.ts': good });
	assert.equal([both.status, both.last], [0, '2 passed, 0 failed']);
	const mixed = run({ 'a.test.ts': good, 'b.test.ts': head });
	assert.equal([mixed.status, mixed.last], [1, '1 passed, 1 failed']);
});

test('only --bless lets tests rewrite golden files', () => {
	const asks = (expected: string) =>
		`${head}test('env', () => assert.is(process.env.UPDATE_GOLDEN, ${expected}));\ntest.run();`;
	assert.is(run({ 'a.test.ts': asks('undefined') }).status, 0);
	assert.is(run({ 'a.test.ts': asks("'1'") }, ['--bless']).status, 0);
});

test('folders named slow are left out', () => {
	const result = run({ 'a.test.ts': `${head}${pass}test.run();`, 'slow/b.test.ts': head });
	assert.equal([result.status, result.last], [0, '1 passed, 0 failed']);
});

test.run();
