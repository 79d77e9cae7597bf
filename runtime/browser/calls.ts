import { RefusedError } from '../errors.ts';
import { aborted, checkAborted, type RunOptions } from '../pace.ts';
import type { Answers, Call, Calls, Channel, Op, Reply, Request } from './protocol.ts';

/** What the page has of a Worker; tests put a MessagePort in its place. */
export type WorkerLike = Channel & {
	addEventListener(type: 'error' | 'messageerror', listener: (event: Event) => void): void;
	terminate(): void;
};

type Pending = {
	readonly done: (value: Answers[Op]) => void;
	readonly refuse: (error: Error) => void;
	readonly onProgress: RunOptions['onProgress'];
};

const errorOf = (event: Event): RefusedError => {
	const said: unknown = Reflect.get(event, 'message');
	return new RefusedError(
		'stopped',
		`the worker that holds the keys stopped${typeof said === 'string' && said !== '' ? `: ${said}` : ''}`,
		'See that its script and the wasm files can be loaded, then make a new client.',
	);
};

/** Calls to a worker and their answers. A call ends with its answer, when its signal fires, or when the worker is gone. */
export class WorkerCalls {
	readonly #worker: WorkerLike;
	readonly #pending = new Map<number, Pending>();
	#next = 0;
	#ended: RefusedError | undefined;

	constructor(worker: WorkerLike) {
		this.#worker = worker;
		worker.addEventListener('message', ({ data }: MessageEvent) => this.#settle(data as Reply));
		for (const type of ['error', 'messageerror'] as const)
			worker.addEventListener(type, (event: Event) => this.end(errorOf(event)));
	}

	async call<O extends Op>(op: O, given: Calls[O], { signal, onProgress }: RunOptions = {}): Promise<Answers[O]> {
		if (this.#ended !== undefined) throw this.#ended;
		checkAborted(signal);
		const id = this.#next++;
		const stop = (): void => this.#abort(id, signal);
		signal?.addEventListener('abort', stop);
		try {
			return await new Promise<Answers[O]>((resolve, reject) => {
				const done = (value: Answers[Op]): void => resolve(value as Answers[O]);
				this.#pending.set(id, { done, refuse: reject, onProgress });
				this.#post({ id, call: { op, given } as Call });
			});
		} finally {
			this.#pending.delete(id);
			signal?.removeEventListener('abort', stop);
		}
	}

	/** Ends the worker: what is asked and what will be asked is refused for this reason. */
	end(reason: RefusedError): void {
		if (this.#ended !== undefined) return;
		this.#ended = reason;
		this.#worker.terminate();
		for (const { refuse } of [...this.#pending.values()]) refuse(reason);
	}

	#post(request: Request): void {
		this.#worker.postMessage(request);
	}

	#abort(id: number, signal: AbortSignal | undefined): void {
		this.#post({ id, abort: true });
		this.#pending.get(id)?.refuse(aborted(signal));
	}

	#settle(reply: Reply): void {
		const pending = this.#pending.get(reply.id);
		if (pending === undefined) return;
		if ('progress' in reply) pending.onProgress?.(reply.progress);
		else if ('value' in reply) pending.done(reply.value);
		else if ('refusal' in reply) {
			const { code, message, hint } = reply.refusal;
			pending.refuse(new RefusedError(code, message, hint));
		} else pending.refuse(new Error(reply.failure));
	}
}
