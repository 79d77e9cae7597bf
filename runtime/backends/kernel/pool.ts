import type { Worker } from 'node:worker_threads';
import { RefusedError } from '../../errors.ts';
import type { EvaluateOptions } from '../../execute.ts';
import { aborted, checkAborted } from '../../pace.ts';
import type { ServerProgram } from '../../plan.ts';
import { checkLength } from '../../residues.ts';
import { inputLength } from '../../sizes.ts';
import { type StartThread, threadModule } from '../../threads.ts';
import { spending } from './module.ts';
import { type Answer, CONTROL, CONTROLS, type Order, type ThreadData } from './protocol.ts';
import type { KeySet, Runner } from './run.ts';

const MODULE = threadModule('./worker.ts', import.meta.url);

/** How often the caller is told of progress. */
const PROGRESS_MILLISECONDS = 50;

/** What a pool is made with. */
type Seed = Omit<ThreadData, 'thread' | 'control' | 'inputs'>;

/** Ends an evaluation without its result. */
type Give = (reason: RefusedError) => void;

/** What goes on beside an evaluation, until `end`; what a listener threw. */
type Watch = { readonly thrown: readonly unknown[]; readonly end: () => void };

const lost = (why: string): RefusedError =>
	new RefusedError(
		'stopped',
		`the evaluation ended because one of its threads did: ${why}`,
		'Send the inputs again: the next evaluation has new threads.',
	);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Threads that work together; when one ends, all have to. */
class Team {
	readonly workers: Worker[] = [];
	#answers: Answer[] = [];
	#done: (answers: readonly Answer[]) => void = () => {};
	#failed: Give = () => {};
	#over = false;

	/** Throws RefusedError 'stopped' when not all can be started; then none is left. */
	constructor(count: number, begin: (thread: number) => Worker) {
		try {
			for (let thread = 0; thread < count; thread++) this.#join(begin(thread));
		} catch (error) {
			const reason = lost(messageOf(error));
			void this.end(reason);
			throw reason;
		}
	}

	/** Has a thread ended? */
	get over(): boolean {
		return this.#over;
	}

	/** The answers of all threads to one order. One call at a time. */
	compute(order: Order): Promise<readonly Answer[]> {
		this.#answers = [];
		return new Promise((resolve, reject) => {
			this.#done = resolve;
			this.#failed = reject;
			for (const worker of this.workers) {
				worker.ref();
				worker.postMessage(order);
			}
		});
	}

	/** Ends all threads; then what they computed, if anything, fails for this reason. */
	async end(reason: RefusedError): Promise<void> {
		if (this.#over) return;
		this.#over = true;
		await Promise.all(this.workers.map((worker) => worker.terminate()));
		this.#failed(reason);
	}

	#join(worker: Worker): void {
		worker.on('message', (answer: Answer) => this.#answered(answer));
		worker.on('error', (error) => void this.end(lost(messageOf(error))));
		worker.on('exit', () => void this.end(lost('it was ended from outside')));
		this.workers.push(worker);
	}

	#answered(answer: Answer): void {
		this.#answers.push(answer);
		if (this.#answers.length < this.workers.length) return;
		for (const worker of this.workers) worker.unref();
		this.#done(this.#answers);
	}
}

/**
 * Threads on one shared memory that evaluate together. The calling thread never waits for them otherwise than by promises. They
 * are started for the first evaluation, rest without keeping the process alive, and are made anew after one of them was lost: what
 * they found in the memory (tables, keys, constants) is still there.
 */
export class Pool implements Runner {
	readonly #data: Omit<ThreadData, 'thread'>;
	readonly #start: StartThread;
	readonly #patience: number;
	readonly threads: number;
	readonly bytes: number;
	#team: Team | undefined;
	/** Are the constants that are kept encoded? */
	#encoded = false;

	/** What threads do not need of the data is not copied to them; those that heed no abort for `patience` ms are ended. */
	constructor({ program, layout, linked, ...data }: Seed, start: StartThread, patience: number) {
		this.#data = {
			...data,
			program: { ...program, instructions: [] },
			layout: { ...layout, lists: [], places: [] },
			linked: { setUp: linked.setUp, steps: linked.steps, outside: linked.outside },
			inputs: roomFor(program),
			control: new Int32Array(new SharedArrayBuffer(4 * CONTROLS)),
		};
		this.threads = layout.threads;
		this.bytes = this.#data.inputs.flat().reduce((sum, { length }) => sum + length, 0);
		this.#start = start;
		this.#patience = patience;
	}

	/**
	 * outputs[output][part]. Throws RefusedError 'message' for malformed inputs, 'aborted', and 'stopped' when a thread was lost.
	 */
	async evaluate(
		keySet: KeySet,
		inputs: ThreadData['inputs'],
		options: EvaluateOptions,
	): Promise<readonly (readonly Uint8Array[])[]> {
		checkAborted(options.signal);
		this.#share(inputs);
		const team = this.#ready();
		this.#data.control.fill(0);
		const watch = this.#watch(team, options);
		try {
			const answers = await team.compute({ keySet, setUp: !this.#encoded });
			this.#encoded ||= answers.some(({ times }) => times.length > 0);
			for (const { refusal } of answers)
				if (refusal !== undefined) throw new RefusedError(refusal.code, refusal.message, refusal.hint);
			if (watch.thrown.length > 0) throw watch.thrown[0];
			checkAborted(options.signal);
			return this.#finish(answers, options);
		} finally {
			watch.end();
		}
	}

	/** Ends the threads. */
	async dispose(): Promise<void> {
		await this.#team?.end(lost('the server was disposed of'));
		this.#team = undefined;
	}

	/** Puts the inputs where all threads find them. */
	#share(inputs: ThreadData['inputs']): void {
		const { program, inputs: room } = this.#data;
		room.forEach((parts, input) => {
			parts.forEach((place, part) => {
				const bytes = inputs[input]?.[part] ?? new Uint8Array();
				checkLength(bytes, place.length, `part ${part} of input '${program.inputs[input]?.name}'`);
				place.set(bytes);
			});
		});
	}

	/** A team that has lost nobody, at its barrier's beginning. */
	#ready(): Team {
		if (this.#team !== undefined && !this.#team.over) return this.#team;
		const { layout, memory } = this.#data;
		new Int32Array(memory.buffer, layout.barrier, 4).fill(0);
		this.#team = new Team(layout.threads, (thread) => {
			const workerData: ThreadData = { ...this.#data, thread };
			return this.#start(MODULE, { workerData });
		});
		return this.#team;
	}

	/** Tells of progress and passes an abort on; threads that do not heed it are ended. */
	#watch(team: Team, { onProgress, signal }: EvaluateOptions): Watch {
		const total = this.#data.linked.steps.length;
		let patience: ReturnType<typeof setTimeout> | undefined;
		const abort = (): void => {
			Atomics.store(this.#data.control, CONTROL.abort, 1);
			patience ??= setTimeout(() => void team.end(aborted(signal)), this.#patience);
		};
		const thrown: unknown[] = [];
		const tell = (): void => {
			try {
				onProgress?.({ stage: 'evaluate', done: Atomics.load(this.#data.control, CONTROL.progress), total });
			} catch (error) {
				thrown.push(error);
				abort();
			}
		};
		const ticks = setInterval(tell, PROGRESS_MILLISECONDS);
		signal?.addEventListener('abort', abort);
		return {
			thrown,
			end: () => {
				clearInterval(ticks);
				clearTimeout(patience);
				signal?.removeEventListener('abort', abort);
			},
		};
	}

	#finish(
		answers: readonly Answer[],
		{ onProgress, onInstruction }: EvaluateOptions,
	): readonly (readonly Uint8Array[])[] {
		const { program, linked } = this.#data;
		const total = linked.steps.length;
		onProgress?.({ stage: 'evaluate', done: total, total });
		for (const { times } of answers) times.forEach((milliseconds, i) => void onInstruction?.(i, milliseconds));
		const outputs: Uint8Array[][] = program.outputs.map(() => []);
		for (const { outputs: parts } of answers)
			for (const { output, part, bytes } of parts) (outputs[output] as Uint8Array[])[part] = bytes;
		return outputs;
	}
}

/** Room for inputs[input][part] where all threads see it. Throws RefusedError 'memory'. */
const roomFor = ({ inputs, parameters }: ServerProgram): ThreadData['inputs'] =>
	inputs.map(({ parts, level }) => {
		const bytes = inputLength(parameters, level);
		return spending(parts * bytes, () =>
			Array.from({ length: parts }, () => new Uint8Array(new SharedArrayBuffer(bytes))),
		);
	});
