import { InternalError } from './errors.ts';
import type { CompileContext } from './options.ts';

/** What the runner does with the result of a pass: check its invariants, show it. */
export type Ir<T> = { readonly verify: (ir: T) => void; readonly print: (ir: T) => string };

/**
 * Runs passes and watches them: verification after each, timing, text for dumps. Passes compute, the runner observes; a
 * broken invariant is reported with the name of the pass that broke it.
 */
export class PassRunner {
	readonly #context: CompileContext;

	constructor(context: CompileContext) {
		this.#context = context;
	}

	run<T>(pass: string, compute: () => T, ir: Ir<T>): T {
		const start = performance.now();
		const result = compute();
		const milliseconds = performance.now() - start;
		try {
			ir.verify(result);
		} catch (error) {
			throw new InternalError(
				pass,
				`left an invalid result: ${error instanceof Error ? error.message : String(error)}`,
			);
		}
		this.#context.observe?.({ pass, milliseconds, text: () => ir.print(result) });
		return result;
	}
}
