import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const ROOT = new URL('../../', import.meta.url);
const IMPORT = /(?:from|import)\s*\(?\s*'(\.[^']+)'/g;

/** Every source file that `entry` reaches by imports, with its text. */
const reachable = (entry: string): ReadonlyMap<string, string> => {
	const texts = new Map<string, string>();
	const queue = [new URL(entry, ROOT)];
	for (let url = queue.pop(); url !== undefined; url = queue.pop()) {
		const name = url.href.slice(ROOT.href.length);
		if (texts.has(name)) continue;
		const text = readFileSync(url, 'utf8');
		texts.set(name, text);
		for (const [, specifier] of text.matchAll(IMPORT)) queue.push(new URL(specifier as string, url));
	}
	return texts;
};

test('nothing that the server imports can hold a secret key or decrypt', () => {
	const files = reachable('runtime/server.ts');
	assert.ok(files.size > 10);
	for (const [name, text] of files)
		for (const word of ['Decryptor', 'SecretKey', 'invariantNoiseBudget', 'KeyGenerator', 'Encryptor'])
			assert.not.ok(text.includes(word), `${name} mentions ${word}`);
	assert.ok(reachable('runtime/client.ts').get('runtime/backends/sealKeys.ts')?.includes('Decryptor'));
});

test('the client imports neither the server nor the evaluator', () => {
	const files = reachable('runtime/client.ts');
	for (const server of ['server.ts', 'execute.ts', 'constants.ts', 'backends/seal.ts'])
		assert.not.ok(files.has(`runtime/${server}`), server);
	assert.not.ok(reachable('runtime/server.ts').has('runtime/client.ts'));
});

test('the runtime imports nothing outside itself', () => {
	for (const entry of ['client', 'server', 'local'])
		for (const name of reachable(`runtime/${entry}.ts`).keys()) assert.ok(name.startsWith('runtime/'), name);
});

test('only one file releases handles of SEAL', () => {
	for (const entry of ['client', 'server'])
		for (const [name, text] of reachable(`runtime/${entry}.ts`))
			if (name !== 'runtime/seal/handles.ts') assert.not.match(text, /\.delete\(\)/, name);
});

test.run();
