import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFiles } from '../../cli/buildDir.ts';
import { type Compiled, writeBuild } from '../../compiler/index.ts';

/** Bearer tokens of the two users of a service in tests. */
export const TOKENS = ['marker-token-of-the-first-user', 'marker-token-of-the-second-user'] as const;

const BIN = join(import.meta.dirname, '..', '..', 'cli', 'bin.js');
const STARTED_MS = 120_000;
const ENDED_MS = 30_000;
/** So that nothing is refused for what a test does not mean to try. */
const GENEROUS = ['--rate', '1000000', '--max-wait', '100000', '--key-quota', '3GB', '--key-total', '6GB'];

/** A process that a test started. */
export type Started = {
	readonly child: ChildProcess;
	/** What it wrote to stderr so far. */
	readonly log: () => string;
	readonly alive: () => boolean;
	/** Asks it to end, and ends it where it does not; its exit status, null where a signal ended it. */
	readonly stop: () => Promise<number | null>;
	/** Ends it at once, with all that it started. */
	readonly kill: () => Promise<void>;
};

const childrenOf = (pid: number): readonly number[] => {
	try {
		const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
		return text.split(' ').map(Number).filter(Boolean);
	} catch {
		return [];
	}
};

/** The process numbers of what a process started and has not ended. */
export const evaluatorsOf = ({ child: { pid } }: Pick<Started, 'child'>): readonly number[] =>
	pid === undefined ? [] : childrenOf(pid);

/**
 * What a process has in memory, or had at most, in bytes; 0 for one that is gone. Not `process.resourceUsage().maxRSS`, where a process begins with
 * what the one had that started it.
 */
export const memoryOf = (pid: number | undefined, field: 'VmRSS' | 'VmHWM'): number => {
	try {
		const [, kilobytes] =
			new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
		return 1024 * Number(kilobytes);
	} catch {
		return 0;
	}
};

const within = async <T>(ms: number, work: Promise<T>): Promise<T | undefined> => {
	const late = Promise.withResolvers<undefined>();
	const timer = setTimeout(late.resolve, ms, undefined);
	return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
};

/** Starts Node on a script; stdout is the caller's to read. It does not outlive this process. */
export const startScript = (script: string, args: readonly string[], flags: readonly string[] = []): Started => {
	const child = spawn(process.execPath, [...flags, script, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
	let text = '';
	child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
		text += chunk;
	});
	const gone = once(child, 'exit');
	const atExit = (): void => void child.kill('SIGKILL');
	process.on('exit', atExit);
	void gone.then(() => process.off('exit', atExit));
	const alive = (): boolean => child.exitCode === null && child.signalCode === null;
	const kill = async (): Promise<void> => {
		const all = [child.pid, ...evaluatorsOf({ child })];
		for (const pid of alive() ? all : []) if (pid !== undefined) process.kill(pid, 'SIGKILL');
		await gone;
	};
	const stop = async (): Promise<number | null> => {
		child.kill('SIGTERM');
		if ((await within(ENDED_MS, gone)) === undefined) await kill();
		return child.exitCode;
	};
	return { child, log: () => text, alive, stop, kill };
};

/** Asks a process to end when its stdin does, as it does when whoever started it was killed. */
const LEASH = `process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume()`;

/** Starts the command line, `onnx-seal serve build` say. */
export const startCommand = (...args: readonly string[]): Started =>
	startScript(BIN, args, ['--import', `data:text/javascript,${encodeURIComponent(LEASH)}`]);

/** What a command with `--json` says, once it says it. Throws an Error with its log where it ends before, or takes too long. */
export const firstWords = async (started: Started): Promise<unknown> => {
	const { child, log } = started;
	let text = '';
	const line = new Promise<string>((resolve) => {
		child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
			text += chunk;
			if (text.includes('\n')) resolve(text);
		});
		child.stdout?.once('end', () => resolve(text));
	});
	const said = await within(STARTED_MS, line);
	if (said === undefined || said === '') {
		await started.kill();
		throw new Error(`no answer of the process, which ended with ${child.exitCode}\n${log()}`);
	}
	return JSON.parse(said);
};

/**
 * Serves a program by the command line in a process of its own, with evaluators in further ones. Further arguments come behind those that
 * all tests have, and win. What it stores goes when it is stopped.
 */
export const serve = async (compiled: Compiled, ...more: readonly string[]) => {
	const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-served-'));
	const [build, data, tokens] = [join(folder, 'build'), join(folder, 'data'), join(folder, 'tokens')];
	const remove = (): void => rmSync(folder, { recursive: true, force: true });
	process.on('exit', remove);
	writeFiles(build, writeBuild(compiled));
	writeFileSync(tokens, TOKENS.map((token, k) => `user${k} ${token}\n`).join(''));
	const options = ['--port', '0', '--data', data, '--tokens', tokens, '--json', ...GENEROUS, ...more];
	const started = startCommand('serve', build, ...options);
	const told = await firstWords(started);
	if (typeof told !== 'object' || told === null || !('url' in told)) throw new Error('the service gives no address');
	const { child, stop } = started;
	return {
		...started,
		...{ url: String(told.url), build, data },
		residentBytes: () => memoryOf(child.pid, 'VmRSS'),
		/** The most memory that it had so far, and that those have had which evaluate now. */
		peakBytes: () => ({
			server: memoryOf(child.pid, 'VmHWM'),
			evaluator: Math.max(0, ...childrenOf(child.pid ?? 0).map((pid) => memoryOf(pid, 'VmHWM'))),
		}),
		stop: async (): Promise<number | null> => {
			const code = await stop();
			remove();
			process.off('exit', remove);
			return code;
		},
	};
};

export type Served = Awaited<ReturnType<typeof serve>>;
