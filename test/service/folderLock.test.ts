import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { lockFolder } from '../../runtime/service/folderLock.ts';
import { scratch } from './tiny.ts';

const { folder } = scratch();

const messageOf = async (work: Promise<unknown>): Promise<string> =>
	work.then(
		() => 'nothing',
		(error) => `${error.code} ${error.message}`,
	);

test('a folder has one owner, in this process and others, and is free once that gave it back', async () => {
	const path = join(folder, 'one', 'deep');
	const release = await lockFolder(path);
	assert.match(await messageOf(lockFolder(path)), /^misuse .* in use by another service/);
	const other = await lockFolder(join(folder, 'two'));
	release();
	(await lockFolder(path))();
	other();
	assert.equal(readdirSync(path), ['lock']);
});

test('what a process had that was killed is free, and was not before', async () => {
	const path = join(folder, 'killed');
	const module = pathToFileURL(join(import.meta.dirname, '..', '..', 'runtime', 'service', 'folderLock.ts'));
	const script = `import { lockFolder } from '${module.href}';
		await lockFolder(${JSON.stringify(path)});
		console.log('held');
		setInterval(() => {}, 1000);`;
	const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
	process.on('exit', () => child.kill('SIGKILL'));
	await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
	assert.is(child.exitCode, null);
	assert.match(await messageOf(lockFolder(path)), /in use/);
	const gone = once(child, 'exit');
	child.kill('SIGKILL');
	await gone;
	(await lockFolder(path))();
});

test('what cannot be locked is refused', async () => {
	const path = join(folder, 'odd');
	mkdirSync(join(path, 'lock'), { recursive: true });
	assert.match(await messageOf(lockFolder(path)), /^misuse .* cannot be locked/);
	const other = join(folder, 'garbage');
	mkdirSync(other);
	writeFileSync(join(other, 'lock'), 'x'.repeat(5000));
	assert.match(await messageOf(lockFolder(other)), /cannot be locked/);
});

test.run();
