/** Judges cases in processes of their own, each case within a limit of processor time. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CaseName } from './cases.ts';
import type { Judgement } from './judge.ts';
import { OUT_OF_TIME } from './signal.ts';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** One process, which is started again after a case that ended it or took too long. */
class Judge {
	readonly #seconds: number;
	#child: ChildProcess | undefined;

	constructor(seconds: number) {
		this.#seconds = seconds;
	}

	async ask(case_: CaseName, simulate: boolean): Promise<Judgement> {
		this.#child ??= fork(WORKER, [String(this.#seconds)], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
		const child = this.#child;
		const end = new AbortController();
		const answered = once(child, 'message', { signal: end.signal });
		const exited = once(child, 'exit', { signal: end.signal });
		child.send({ case_, simulate });
		const result = await Promise.race([
			answered.then(([judgement]) => judgement as Judgement),
			exited.then(([code, signal]) =>
				signal === OUT_OF_TIME ? `no answer within ${this.#seconds} s` : `the process ended with ${signal ?? code}`,
			),
		]);
		for (const waiting of [answered, exited]) waiting.catch(() => undefined);
		end.abort();
		if (typeof result !== 'string') return result;
		this.close();
		return { verdict: 'crashed', reason: result };
	}

	close(): void {
		this.#child?.kill('SIGKILL');
		this.#child = undefined;
	}
}

/** The judgement of every case, `jobs` at a time; `simulated` says which are run with simulated noise too. */
export const judgeAll = async (
	cases: readonly CaseName[],
	limits: { readonly jobs: number; readonly seconds: number },
	simulated: (k: number) => boolean,
	done: (case_: CaseName, judgement: Judgement) => void,
): Promise<void> => {
	const open = [...cases.entries()].toReversed();
	const work = async (): Promise<void> => {
		const judge = new Judge(limits.seconds);
		for (let next = open.pop(); next !== undefined; next = open.pop()) {
			const [k, case_] = next;
			done(case_, await judge.ask(case_, simulated(k)));
		}
		judge.close();
	};
	await Promise.all(Array.from({ length: limits.jobs }, work));
};
