import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startScript } from './serve.ts';

/** What a client in a process of its own is told to do. */
export type ClientOrder =
	| { readonly kind: 'connect'; readonly url: string; readonly token: string }
	| { readonly kind: 'keys' }
	| { readonly kind: 'infer'; readonly sample: readonly (readonly [name: string, data: readonly number[]])[] };

/** When it was done: how long that took, the most memory that the process had so far, and the outputs, before the tail. */
export type ClientAnswer = {
	readonly ms: number;
	readonly peakBytes: number;
	/** The same when half of the keys were sent. */
	readonly halfBytes?: number;
	readonly outputs?: readonly (readonly [name: string, data: readonly number[]])[];
};

/** Starts a client. An order that fails ends it, and `tell` throws an Error with its log. */
export const startClient = () => {
	const started = startScript(join(import.meta.dirname, 'clientProcess.ts'), []);
	const { child, log } = started;
	if (child.stdin === null || child.stdout === null) throw new Error('the client has no pipes');
	const { stdin } = child;
	const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
	const tell = async (order: ClientOrder): Promise<ClientAnswer> => {
		stdin.write(`${JSON.stringify(order)}\n`);
		const { done, value } = await lines.next();
		if (done === true) throw new Error(`the client ended\n${log()}`);
		return JSON.parse(value);
	};
	return {
		connect: (url: string, token: string) => tell({ kind: 'connect', url, token }),
		sendKeys: () => tell({ kind: 'keys' }),
		infer: (sample: ReadonlyMap<string, Float64Array>) =>
			tell({ kind: 'infer', sample: [...sample].map(([name, data]) => [name, [...data]]) }),
		kill: started.kill,
	};
};
