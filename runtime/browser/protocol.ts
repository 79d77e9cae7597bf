import type { RefusalCode } from '../errors.ts';
import type { Sample } from '../inputs.ts';
import type { ClientProgram, Progress } from '../plan.ts';
import type { Result } from '../results.ts';

/** What the page asks of the worker that has the secret key, by the name of the call. */
export type Calls = {
	readonly create: {
		readonly program: ClientProgram;
		readonly secretKey?: Uint8Array | undefined;
		/** Addresses of wasm files by name, where the page knows them. */
		readonly files: Readonly<Record<string, string>>;
	};
	readonly keyPart: { readonly part: number };
	readonly encrypt: { readonly samples: readonly Sample[] };
	readonly decrypt: { readonly message: Uint8Array };
	readonly exportSecretKey: Readonly<Record<string, never>>;
};

/** What each call answers. Only `exportSecretKey` answers with anything secret. */
export type Answers = {
	/** The name of the key set. */
	readonly create: string;
	readonly keyPart: Uint8Array;
	readonly encrypt: Uint8Array;
	readonly decrypt: readonly Result[];
	readonly exportSecretKey: Uint8Array;
};

export type Op = keyof Calls;

/** One call, as a union over its name. */
export type Call = { readonly [O in Op]: { readonly op: O; readonly given: Calls[O] } }[Op];

export type Request = { readonly id: number; readonly call: Call } | { readonly id: number; readonly abort: true };

/** A `RefusedError` as data. */
export type Refusal = { readonly code: RefusalCode; readonly message: string; readonly hint: string | undefined };

export type Reply =
	| { readonly id: number; readonly progress: Progress }
	| { readonly id: number; readonly value: Answers[Op] }
	| { readonly id: number; readonly refusal: Refusal }
	/** An error that is no refusal: a defect. */
	| { readonly id: number; readonly failure: string };

/** What both ends talk through: a Worker, its global scope, or a MessagePort. */
export type Channel = {
	postMessage(message: unknown, options?: { transfer?: Transferable[] }): void;
	addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
};
