import { Command } from 'commander';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { addCompileOptions, addEvaluationOptions, addOutputOptions } from '../../cli/options.ts';

const parse = (...args: readonly string[]): Record<string, unknown> => {
	const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
	addOutputOptions(addCompileOptions(addEvaluationOptions(command)));
	return command.parse(args, { from: 'user' }).opts();
};

test('nothing but the evaluation has defaults, so that what was asked for can be told from what was not', () => {
	assert.equal(parse(), { backend: 'kernel', threads: 1 });
});

test('options become values of their own types', () => {
	const given = parse(
		...['--input-range', '-1,2.5', '--batch', '8', '--precision', '12.5', '--security', '192', '--degree', '7'],
		...['--outputs', 'a, b', '--set', 'n=4', '--set', 'seq=16', '--calibrate', 'x=a.npy', '--calibrate', 'b.npz'],
		...[
			'--max-keys',
			'12',
			'--max-key-bytes',
			'1.5MB',
			'--optimize',
			'keys',
			'--backend',
			'clear',
			'--threads',
			'3',
			'--maxpool',
			'average',
			'--json',
			'--quiet',
		],
	);
	assert.equal(given, {
		...{ inputRange: [-1, 2.5], batch: 8, precision: 12.5, security: '192', degree: 7 },
		...{ outputs: ['a', 'b'], set: [['n', 4], ['seq', 16]], calibrate: ['x=a.npy', 'b.npz'] }, // biome-ignore format: pairs
		...{ maxKeys: 12, maxKeyBytes: 1500000, maxpool: 'average' },
		...{ optimize: 'keys', backend: 'clear', threads: 3, json: true, quiet: true },
	});
});

test('the number of samples may be left to the compiler', () => {
	assert.is(parse('--batch', 'auto').batch, 'auto');
});

test('bytes are given plainly or in units', () => {
	const bytes = (text: string): unknown => parse('--max-key-bytes', text).maxKeyBytes;
	assert.equal(['12345', '7B', '2kB', '10MB', '10 MB', '1.5GB', '3MiB'].map(bytes), [
		...[12345, 7, 2000, 10_000_000, 10_000_000, 1_500_000_000, 3 * 2 ** 20],
	]);
});

test('values that make no sense are refused', () => {
	const wrong: readonly (readonly string[])[] = [
		['--input-range', '1'],
		['--input-range', '1,-1'],
		['--input-range', 'a,b'],
		['--input-range', '1,2,3'],
		['--batch', '3'],
		['--batch', '0'],
		['--batch', '1e3'],
		['--batch', 'all'],
		['--precision', 'many'],
		['--precision', '1000'],
		['--precision', '0'],
		['--degree', '32'],
		['--precision', ''],
		['--security', '100'],
		['--optimize', 'speed'],
		['--maxpool', 'sum'],
		['--outputs', 'a,,b'],
		['--set', 'n'],
		['--set', 'n=-1'],
		['--set', '=4'],
		['--set', 'n=4', '--set', 'n=5'],
		['--plain', 'mask'],
		['--plain', '=mask.npy'],
		['--degree', '1'],
		['--degree', '2.5'],
		['--threads', '0'],
		['--max-keys', '0'],
		['--max-key-bytes', '0'],
		['--max-key-bytes', '10XB'],
		['--max-key-bytes', '-1MB'],
		['--max-key-bytes', 'MB'],
		['--backend', 'magic'],
		['--no-such-option'],
	];
	for (const args of wrong) assert.throws(() => parse(...args), /./, args.join(' '));
});

test.run();
