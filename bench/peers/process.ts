/** A peer that runs in a process of its own and evaluates whenever it is asked to: a line in, a line of JSON out. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Side, Time } from '../alternate.ts';

export class PeerProcess {
	readonly #child: ChildProcessWithoutNullStreams;
	readonly #lines: AsyncIterator<string>;
	#stderr = '';

	constructor(command: readonly string[], env: NodeJS.ProcessEnv) {
		const [name = '', ...args] = command;
		this.#child = spawn(name, args, { env });
		this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
			this.#stderr += text;
		});
		// Without a listener, a command that is not there or a pipe that breaks would end this process.
		this.#child.on('error', ({ message }) => {
			this.#stderr += message;
		});
		this.#child.stdin.on('error', () => undefined);
		this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
	}

	/** Sends a line and reads the answer. Throws an Error with what the peer said when it ends instead. */
	async ask(line: string): Promise<unknown> {
		this.#child.stdin.write(`${line}\n`);
		const { value, done } = await this.#lines.next();
		if (done !== true) return JSON.parse(value);
		throw new Error(this.#stderr.trim().split('\n').at(-1) || 'it ended without an answer');
	}

	/** Evaluates once; some peers say what came out. */
	async evaluate(): Promise<Time & { readonly outputs?: readonly number[] }> {
		return (await this.ask('')) as Time & { outputs?: readonly number[] };
	}

	/** To be timed against others. */
	get side(): Side {
		return { warm: () => this.evaluate(), time: () => this.evaluate() };
	}

	close(): void {
		this.#child.stdin.end();
		this.#child.kill();
	}
}
