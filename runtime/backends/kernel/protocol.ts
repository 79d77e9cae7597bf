import type { RefusalCode } from '../../errors.ts';
import type { ServerProgram } from '../../plan.ts';
import type { Layout } from './layout.ts';
import type { Linked } from './link.ts';
import type { KernelModule } from './module.ts';
import type { KeySet } from './run.ts';

/** What a thread is started with: it finds everything else in the shared memory. */
export type ThreadData = {
	readonly module: KernelModule;
	readonly memory: WebAssembly.Memory;
	/** Without its instructions: they are linked already. */
	readonly program: ServerProgram;
	readonly layout: Layout;
	readonly linked: Pick<Linked, 'setUp' | 'steps' | 'outside'>;
	/** The constants of the program, shared. */
	readonly values: Float64Array;
	/** inputs[input][part] of the evaluation that runs, shared: the same memory for all, which a thread keeps as long as it lives. */
	readonly inputs: readonly (readonly Uint8Array[])[];
	/** Shared, by the indices of `CONTROL`. */
	readonly control: Int32Array;
	/** This one of `layout.threads`. */
	readonly thread: number;
};

/** Numbers that the caller and all threads see while an evaluation runs; zeros before. */
export const CONTROL = {
	/** Instructions that thread 0 has done. */
	progress: 0,
	/** Not 0: the caller wants the evaluation to end. */
	abort: 1,
	/** Where all threads end, if not 0: the entry of the list after the one at whose end all meet and leave. */
	stop: 2,
} as const;
export const CONTROLS = Object.keys(CONTROL).length;

/** An evaluation, sent to all threads. */
export type Order = {
	/** Where the keys are; those outside are shared. */
	readonly keySet: KeySet;
	/** Are constants to be encoded first? */
	readonly setUp: boolean;
};

/** A part of an output that a thread has packed. */
export type OutputPart = { readonly output: number; readonly part: number; readonly bytes: Uint8Array };

/** What each thread says when it has left the list. */
export type Answer = {
	readonly outputs: readonly OutputPart[];
	/** Milliseconds of each instruction; of thread 0 only. */
	readonly times: readonly number[];
	/** Why it could not go on. */
	readonly refusal?: { readonly code: RefusalCode; readonly message: string; readonly hint: string | undefined };
};
