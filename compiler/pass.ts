import { InternalError } from './errors.ts';
import type { CompileContext } from './options.ts';

/** What the runner does with the result of a pass: check its invariants, show it. */
export type Ir<T> = { readonly verify: (ir: T) => void; readonly print: (ir: T) => string };

/**
 * Runs passes and watches them: timing, text for dumps, verification after each. Passes compute, the runner observes; a
 * broken invariant is reported with the name of the pass that broke it.
 */
export class PassRunner {
	readonly #context: CompileContext;
	readonly #names: readonly string[];

	/** `names` lists the passes in order: progress is counted by it. */
	constructor(context: CompileContext, names: readonly string[]) {
		this.#context = context;
		this.#names = names;
	}

	run<T>(pass: string, compute: () => T, ir: Ir<T>): T {
		const total = this.#names.length;
		this.#context.onProgress?.({ stage: 'compile', done: this.#names.indexOf(pass), total });
		const start = performance.now();
		const result = compute();
		const milliseconds = performance.now() - start;
		// Seen before it is verified: a dump then holds the very form that fails. `finally`, since a form may be too broken
		// to be shown, and what is wrong with it is then the better error.
		try {
			this.#context.observe?.({ pass, milliseconds, text: () => ir.print(result) });
		} finally {
			verify(pass, result, ir);
		}
		this.#context.onProgress?.({ stage: 'compile', done: this.#names.indexOf(pass) + 1, total });
		return result;
	}
}

const verify = <T>(pass: string, result: T, ir: Ir<T>): void => {
	try {
		ir.verify(result);
	} catch (error) {
		throw new InternalError(pass, `left an invalid result: ${error instanceof Error ? error.message : String(error)}`);
	}
};

/** The IR inside a pass's result; a result without one has nothing to check. */
export const inside = <T, I>(ir: Ir<I>, part: (result: T) => I | undefined): Ir<T> => ({
	verify: (result) => {
		const found = part(result);
		if (found !== undefined) ir.verify(found);
	},
	print: (result) => {
		const found = part(result);
		return found === undefined ? 'no parameters of this ring degree are enough\n' : ir.print(found);
	},
});
