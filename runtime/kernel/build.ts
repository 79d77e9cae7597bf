import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Compiles `assembly/` to `kernel.wasm` and, for a memory that threads share, `kernel-shared.wasm`: the same code.
 *
 *     node runtime/kernel/build.ts [folder, this file's if none is given]
 *
 * The size of the memory is the importer's; a shared one must have a maximum, at most 65536 pages of 64 KiB.
 */
const flags: readonly string[] = [
	...['--optimizeLevel', '3', '--converge', '--noAssert', '--runtime', 'stub', '--importMemory', '--noExportMemory'],
	...['simd', 'relaxed-simd', 'threads', 'bulk-memory'].flatMap((feature) => ['--enable', feature]),
	// AS112: vectors cannot be passed to JavaScript. They are not.
	...['--disableWarning', '112', '--noColors'],
];

const modules: readonly (readonly [file: string, options: readonly string[]])[] = [
	['kernel.wasm', []],
	['kernel-shared.wasm', ['--sharedMemory', '--maximumMemory', '65536']],
];

const assembly = join(import.meta.dirname, 'assembly');
const folder = resolve(process.argv[2] ?? import.meta.dirname);
const compiler = fileURLToPath(import.meta.resolve('assemblyscript/bin/asc.js'));

/** Runs the compiler; true when it has written the module. What it reports goes to the standard error stream. */
const compile = (file: string, options: readonly string[]): Promise<boolean> =>
	new Promise((done) => {
		const command = [compiler, 'index.ts', '--outFile', join(folder, file), ...flags, ...options];
		const child = spawn(process.execPath, command, { cwd: assembly, stdio: ['ignore', 2, 2] });
		child.on('error', () => done(false));
		child.on('close', (code) => done(code === 0));
	});

mkdirSync(folder, { recursive: true });
const written = await Promise.all(modules.map(([file, options]) => compile(file, options)));
if (written.includes(false)) process.exitCode = 1;
