import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-guide-'));

/** The lines of the guide that call the command line, in their order; what they write goes to a folder of its own. */
const commands = readFileSync(join(root, 'docs', 'guide.md'), 'utf8')
	.split('\n')
	.flatMap((line) => /^\s*npx onnx-seal (.*?)\s*(#.*)?$/.exec(line) ?? [])
	.filter((_, i) => i % 3 === 0)
	.map((line) => line.trim().replaceAll('build/guide', join(folder, 'guide')));

const run = (line: string): { status: number | null; output: string } => {
	const [words = ''] = line.split('#');
	const args = words.trim().split(/\s+/).slice(2);
	const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'cli', 'bin.js'), ...args], {
		cwd: root,
		encoding: 'utf8',
	});
	return { status, output: stdout + stderr };
};

test.after(() => rmSync(folder, { recursive: true, force: true }));

test('the guide has commands', () => {
	assert.ok(commands.length >= 15, `${commands.length}`);
});

for (const line of commands) {
	const refused = line.endsWith('# refused');
	test(`${refused ? 'refuses' : 'does'}: ${line.replace(folder, '')}`, () => {
		const { status, output } = run(line);
		assert.ok(refused ? status === 2 || status === 3 : status === 0, `status ${status}\n${output}`);
	});
}

test.run();
