/** What an evaluator process and the one that started it say to each other. */
import type { RefusalCode } from '../errors.ts';
import type { EngineName, Progress } from '../plan.ts';
import type { BlobSource } from './blobSource.ts';
import type { Job } from './jobs.ts';

/** What a process is started with. */
export type Setup = {
	/** Build directory with the program. */
	readonly build: string;
	readonly blobs: BlobSource;
	readonly backend: EngineName;
	/** Threads of an evaluation. */
	readonly threads: number;
	/** Bytes that ciphertexts, keys and constants may take; undefined: a share of the memory that is free. */
	readonly memoryLimit: number | undefined;
};

/** Evaluations are numbered, so that what was said about one that is over is not taken for the next. */
export type Order =
	| { readonly kind: 'start'; readonly setup: Setup }
	| { readonly kind: 'evaluate'; readonly call: number; readonly job: Job }
	| { readonly kind: 'abort'; readonly call: number };

export type Refusal = {
	readonly code: RefusalCode | 'defect';
	readonly message: string;
	readonly hint: string | undefined;
};

export type Report =
	| { readonly kind: 'ready'; readonly backend: EngineName }
	/** The program cannot be loaded, now or later. */
	| { readonly kind: 'refused'; readonly refusal: Refusal }
	| { readonly kind: 'notice'; readonly text: string }
	/** It runs: said every second of an evaluation. */
	| { readonly kind: 'alive' }
	| { readonly kind: 'progress'; readonly call: number; readonly progress: Progress }
	/** `loaded`: the key sets that are in memory. */
	| { readonly kind: 'done'; readonly call: number; readonly output: string; readonly loaded: readonly string[] }
	| { readonly kind: 'failed'; readonly call: number; readonly refusal: Refusal; readonly loaded: readonly string[] };
