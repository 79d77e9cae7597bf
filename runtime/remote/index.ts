import type { Client } from '../client.ts';
import type { Sample } from '../inputs.ts';
import type { ModelCard } from '../modelCard.ts';
import { checkAborted, type RunOptions } from '../pace.ts';
import type { ClientProgram } from '../plan.ts';
import type { Publications, Published, PublishingOptions, PublishOptions } from '../publish.ts';
import type { Result } from '../results.ts';
import { messageLength, outputLength } from '../sizes.ts';
import { CARD, cardOf, checkFingerprint, PROGRAM, programOf, SMALL_ANSWER } from './card.ts';
import { evaluateRemotely } from './evaluation.ts';
import { type Fetch, Transport } from './http.ts';
import { ask, askFor, type Retry, type RetryOptions, retryOf } from './retry.ts';
import { type KeyMaker, KeyUpload } from './upload.ts';

export type {
	Client,
	ClientProgram,
	OutputTensor,
	Progress,
	Publications,
	Published,
	PublishingOptions,
	PublishOptions,
	Result,
	Sample,
} from '../client.ts';
export { RefusedError } from '../errors.ts';
export type { ModelCard } from '../modelCard.ts';
export type { RunOptions } from '../pace.ts';
export { RemoteError, type RemoteErrorCode } from './errors.ts';
export type { Fetch } from './http.ts';
export type { RetryOptions } from './retry.ts';

/** What the key owner's side does: `Client` itself, that of a generated module, or one that lives in a Web Worker. */
export type RemoteClient = KeyMaker & {
	readonly publications: Publications;
	// Methods, so that a client which takes the inputs of one program only is one as well.
	encrypt(sample: Sample, options?: RunOptions): Promise<Uint8Array>;
	decrypt(message: Uint8Array): Promise<Result>;
	publish(result: Result, options: PublishOptions): Published;
	dispose(): void | Promise<void>;
};

/** What a client is made with. */
export type RemoteClientOptions = RunOptions & Pick<ConnectOptions, 'secretKey' | 'publishing'>;

/** What a client encrypts, and what it decrypts. */
type SampleOf<C extends RemoteClient> = Parameters<C['encrypt']>[0];
type ResultOf<C extends RemoteClient> = Awaited<ReturnType<C['decrypt']>>;
type PublishOptionsOf<C extends RemoteClient> = Parameters<C['publish']>[1];
type PublishedOf<C extends RemoteClient> = ReturnType<C['publish']>;

export type ConnectOptions = RunOptions & {
	/** Sent as bearer token with every request. */
	readonly token?: string | undefined;
	/** The client's half of the program; default: what the service gives. With a stored secret key, give the one it was made for. */
	readonly program?: ClientProgram | undefined;
	/** What `exportSecretKey` returned; without it a new key set is made. */
	readonly secretKey?: Uint8Array | undefined;
	/** How often results of this key were published before, and how often they may be. */
	readonly publishing?: PublishingOptions | undefined;
	/** Send the evaluation keys before `connect` ends? Else they are sent by `sendKeys`, or when they are needed. Default: true. */
	readonly sendKeys?: boolean | undefined;
	readonly retry?: RetryOptions | undefined;
	/** In place of `globalThis.fetch`. */
	readonly fetch?: Fetch | undefined;
};

type MakeClient<C> = (program: ClientProgram, options: RemoteClientOptions) => Promise<C>;

/**
 * Connects to a service at `url` (the address in front of `v1/`), makes a client and sends its evaluation keys, once for a key set:
 *
 *     const remote = await connect('https://example.org/mnist', { token, onProgress });
 *     const { outputs } = await remote.infer({ image });
 *
 * Takes the set-up of `createClient`, and the longer of making and sending `card.keys.bytes` of keys. Progress has the stages 'make keys'
 * (in keys) and 'send keys' (in bytes). Lost connections and services that are busy are tried again (`retry`). Throws
 * RefusedError 'program' where the service has another program than was given or none that is legal, 'misuse' for an address or a token
 * that cannot be one, 'aborted'; RemoteError otherwise.
 */
export function connect(
	url: string | URL,
	options?: ConnectOptions & { readonly createClient?: undefined },
): Promise<Remote<Client>>;
/**
 * The same with a client that is made in another way: `createWorkerClient`, or, for the types of its inputs and outputs, that of a
 * generated module, `{ program, createClient: (_, options) => createClient(options) }`.
 */
export function connect<C extends RemoteClient>(
	url: string | URL,
	options: ConnectOptions & { readonly createClient: MakeClient<C> },
): Promise<Remote<C>>;
export async function connect(
	url: string | URL,
	options: ConnectOptions & { readonly createClient?: MakeClient<RemoteClient> | undefined } = {},
): Promise<Remote<RemoteClient>> {
	const { secretKey, publishing, signal, onProgress, sendKeys = true } = options;
	const transport = new Transport(url, options.token, options.fetch);
	const retry = retryOf(options.retry);
	const card = cardOf(await askFor(transport, { ...CARD, signal }, retry));
	const program = options.program ?? programOf(await askFor(transport, { ...PROGRAM, signal }, retry));
	checkFingerprint(card, program);
	const createClient = options.createClient ?? (await import('../client.ts')).createClient;
	checkAborted(signal);
	const client = await createClient(program, { signal, onProgress, secretKey, publishing });
	const remote = new Remote(transport, retry, card, program, client);
	try {
		if (sendKeys) await remote.sendKeys({ signal, onProgress });
		return remote;
	} catch (error) {
		await remote.close();
		throw error;
	}
}

/** Made by `connect`: one client and one service. Calls may overlap. */
export class Remote<C extends RemoteClient> {
	readonly card: ModelCard;
	readonly program: ClientProgram;
	/** Holds the secret key; it encrypts and decrypts. */
	readonly client: C;
	readonly #transport: Transport;
	readonly #retry: Retry;
	readonly #upload: KeyUpload;

	constructor(transport: Transport, retry: Retry, card: ModelCard, program: ClientProgram, client: C) {
		this.card = card;
		this.program = program;
		this.client = client;
		this.#transport = transport;
		this.#retry = retry;
		this.#upload = new KeyUpload(transport, retry, client, program);
	}

	/** Sends the evaluation keys that the service lacks, and so goes on where an earlier call was broken off. */
	sendKeys(options: RunOptions = {}): Promise<void> {
		return this.#upload.send(options);
	}

	/** The service forgets the evaluation keys of this client. They are sent again when they are needed. */
	async dropKeys({ signal }: RunOptions = {}): Promise<void> {
		const path = `v1/keys/${this.client.keySet}`;
		await ask(this.#transport, { method: 'DELETE', path, limit: SMALL_ANSWER, signal }, this.#retry, [404]);
	}

	/**
	 * Encrypts one sample, has it evaluated and decrypts the result. Progress has the stages 'encrypt', 'send', 'wait', those of the
	 * evaluation, 'receive' and 'decrypt'. An abort cancels the evaluation on the server. Throws RefusedError 'input' for what the program
	 * does not take, what else the runtime refuses, and RemoteError.
	 */
	async infer(sample: SampleOf<C>, options: RunOptions = {}): Promise<ResultOf<C>> {
		const message = await this.client.encrypt(sample, options);
		const outputs = await this.evaluate(message, options);
		options.onProgress?.({ stage: 'decrypt', done: 0, total: 1 });
		const result = (await this.client.decrypt(outputs)) as ResultOf<C>;
		options.onProgress?.({ stage: 'decrypt', done: 1, total: 1 });
		return result;
	}

	/**
	 * The outputs message for an inputs message of this client: what `infer` does between encryption and decryption, for
	 * `client.encryptBatch` and `client.decryptBatch`. Keys that the service lacks are sent first.
	 */
	evaluate(message: Uint8Array, options: RunOptions = {}): Promise<Uint8Array> {
		const { outputs, parameters } = this.program;
		const outputBytes = messageLength(
			outputs.flatMap(({ parts, level }) => parts.map(() => outputLength(parameters, level))),
		);
		return evaluateRemotely(
			{
				transport: this.#transport,
				retry: this.#retry,
				input: message,
				outputBytes,
				predictedMs: this.card.predicted.evaluateMs,
				sendKeys: (given) => this.#upload.send(given),
			},
			options,
		);
	}

	/** What of a result may be shared with others, the service among them: see `Publisher.publish`. */
	publish(result: ResultOf<C>, options: PublishOptionsOf<C>): PublishedOf<C> {
		return this.client.publish(result, options) as PublishedOf<C>;
	}

	/** How often results were published under this key: to be kept beside an exported secret key. */
	get publications(): Publications {
		return this.client.publications;
	}

	/** Releases the client. The service keeps the keys until it is told (`dropKeys`) or they grow old. */
	async close(): Promise<void> {
		await this.client.dispose();
	}
}
