import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFiles } from '../../cli/buildDir.ts';
import { type Compiled, writeBuild } from '../../compiler/index.ts';

/** Bearer tokens of the two users of a service in tests. */
export const TOKENS = ['marker-token-of-the-first-user', 'marker-token-of-the-second-user'] as const;

const addressOf = (child: ChildProcess, log: () => string): Promise<string> =>
	new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error(`no address in time\n${log()}`)), 60_000);
		child.stdout?.setEncoding('utf8').once('data', (line: string) => {
			clearTimeout(timer);
			resolve(line.trim());
		});
		child.once('exit', (code) => {
			clearTimeout(timer);
			reject(new Error(`the service ended with ${code}\n${log()}`));
		});
	});

/** Resident bytes of a process. */
const residentBytes = (pid: number | undefined): number => {
	const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
	return 1024 * Number(kilobytes);
};

/** Serves a program from a process of its own; what it stores and logs goes when it is stopped. */
export const serve = async (compiled: Compiled) => {
	const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-served-'));
	const [build, data, tokens] = [join(folder, 'build'), join(folder, 'data'), join(folder, 'tokens')];
	writeFiles(build, writeBuild(compiled));
	writeFileSync(tokens, TOKENS.map((token, k) => `user${k} ${token}\n`).join(''));
	const script = join(import.meta.dirname, 'servedProcess.ts');
	const child = spawn(process.execPath, [script, build, data, tokens], { stdio: ['ignore', 'pipe', 'pipe'] });
	let log = '';
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		log += text;
	});
	const url = await addressOf(child, () => log);
	return {
		url,
		pid: child.pid,
		data,
		log: () => log,
		alive: () => child.exitCode === null && child.signalCode === null,
		residentBytes: () => residentBytes(child.pid),
		stop: async (): Promise<void> => {
			const ended = new Promise((resolve) => child.once('exit', resolve));
			child.kill('SIGTERM');
			const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
			if (child.exitCode === null) await ended;
			clearTimeout(timer);
			rmSync(folder, { recursive: true, force: true });
		},
	};
};
