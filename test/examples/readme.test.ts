import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = join(import.meta.dirname, '../..');

/** The first program below a heading of the README, as it is printed there. */
const programBelow = (heading: string): string => {
	const [, section = ''] = readFileSync(join(root, 'README.md'), 'utf8').split(`\n## ${heading}\n`);
	const [, program = ''] = section.split('\n```js\n');
	return program.split('\n```')[0] ?? '';
};

/** The files that the entries of the package are made of. */
const entries: Readonly<Record<string, string>> = {
	'onnx-seal/compiler': 'compiler/index.ts',
	'onnx-seal/runtime/client': 'runtime/client.ts',
	'onnx-seal/runtime/server': 'runtime/server.ts',
};

test('the program that the README begins with computes a distance', async () => {
	const printed = programBelow('Programs');
	assert.match(printed, /sqrt\(sum\(square\(sub\(x, y\)\)\)\)/);
	const source = printed.replace(/from '(onnx-seal[^']*)'/g, (_, entry: string) => {
		assert.ok(entries[entry] !== undefined, entry);
		return `from ${JSON.stringify(join(root, entries[entry] ?? ''))}`;
	});
	const folder = mkdtempSync(join(import.meta.dirname, '.readme-'));
	try {
		const file = join(folder, 'program.ts');
		writeFileSync(
			file,
			`${source}\nexport const found = outputs.get('distance')?.data;\nclient.dispose();\nawait server.dispose();\n`,
		);
		const { found } = await import(file);
		assert.is(found.length, 1);
		const error = Math.abs(found[0] - Math.SQRT2);
		// Of values from 0 to the root of 32: the polynomial and the noise.
		assert.ok(error > 0 && error < 0.002 * Math.sqrt(32), `off by ${error}`);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test.run();
