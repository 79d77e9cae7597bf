import type { Decryptor, Encryptor, KeyGenerator, Plaintext, SecretKey } from 'node-seal';
import { checkPlaintext, packSeeded } from '../codec.ts';
import type { PlaintextEncoder } from '../encryption/encoder.ts';
import { packKey } from '../keyCodec.ts';
import { plainBytes, type SealCiphertext } from '../seal/ciphertext.ts';
import type { SealContext } from '../seal/context.ts';
import { filled, Handles, using } from '../seal/handles.ts';
import type { KeySlot } from '../sizes.ts';

/**
 * The key owner's half of SEAL: the secret key and what is made with it. Nothing that the server imports may import this
 * file. Encryption is symmetric: less noise and a third of the time of encryption under a public key, and what it makes
 * can be sent with a seed in place of its uniform half.
 */
export class SealKeyOwner {
	readonly #context: SealContext;
	readonly #handles = new Handles();
	readonly #generator: KeyGenerator;
	readonly #secret: SecretKey;
	readonly #encryptor: Encryptor;
	readonly #decryptor: Decryptor;
	readonly #encoder: PlaintextEncoder | undefined;

	/**
	 * Makes a secret key, or checks and takes the exported one. Throws RefusedError 'message' when that is broken. Without an
	 * `encoder`, SEAL encodes what is encrypted.
	 */
	constructor(context: SealContext, exported?: Uint8Array, encoder?: PlaintextEncoder) {
		this.#context = context;
		this.#encoder = encoder;
		const { module } = context;
		const { seal } = module;
		try {
			if (exported === undefined) {
				this.#generator = this.#make('make a secret key', () => new seal.KeyGenerator(context.context));
				this.#secret = this.#make('make a secret key', () => this.#generator.secretKey());
			} else {
				checkPlaintext(exported, context.keyLevel, 1, 'the secret key');
				const empty = this.#handles.keep(new seal.SecretKey());
				module.call('load the secret key', () => empty.loadFromArray(context.context, plainBytes(exported)), 'message');
				this.#secret = empty;
				this.#generator = this.#make('load the secret key', () => new seal.KeyGenerator(context.context, empty));
			}
			this.#encryptor = this.#make('make an encryptor', () =>
				// The binding has no constructor without a public key, though it is never used.
				using(
					this.#generator.createPublicKey(),
					(publicKey) => new seal.Encryptor(context.context, publicKey, this.#secret),
				),
			);
			this.#decryptor = this.#make('make a decryptor', () => new seal.Decryptor(context.context, this.#secret));
		} catch (error) {
			this.#handles.release();
			throw error;
		}
	}

	/** The seeded bytes of n real slots, encrypted; finite values only. */
	encrypt(values: Float64Array, level: number, scale: number): Uint8Array {
		const { module } = this.#context;
		const record = using(this.#encode(values, level, scale), (plain) =>
			module.call('encrypt', () =>
				using(this.#encryptor.encryptSymmetricSerializable(plain), (ciphertext) =>
					ciphertext.saveToArray(module.seal.ComprModeType.none),
				),
			),
		);
		return packSeeded(record, this.#context.level(level).layout);
	}

	decrypt({ object }: SealCiphertext): Float64Array {
		const { module } = this.#context;
		return using(new module.seal.Plaintext(), (plain) => {
			module.call('decrypt', () => this.#decryptor.decrypt(object, plain));
			return this.#context.decode(plain);
		});
	}

	/**
	 * Makes one evaluation key and returns what is sent of it; nothing of it stays in SEAL, and no two are ever there at once.
	 * SEAL makes whole keys only: those for few levels take as long as any.
	 */
	evaluationKey(slot: KeySlot): Uint8Array {
		const { module, parameters, keyLevel } = this.#context;
		const none = module.seal.ComprModeType.none;
		const record = module.call('make an evaluation key', () =>
			slot.kind === 'relinearization'
				? using(this.#generator.createRelinKeysSerializable(), (keys) => keys.saveToArray(none))
				: using(this.#generator.createGaloisKeysSerializableWithSteps(Int32Array.of(slot.steps)), (keys) =>
						keys.saveToArray(none),
					),
		);
		return packKey(record, parameters, keyLevel, slot);
	}

	/** The bytes of the secret key. Whoever has them can decrypt everything. */
	exportSecretKey(): Uint8Array {
		const { module } = this.#context;
		return module.call('export the secret key', () => this.#secret.saveToArray(module.seal.ComprModeType.none));
	}

	dispose(): void {
		this.#handles.release();
	}

	#encode(values: Float64Array, level: number, scale: number): Plaintext {
		const { module, rules, context } = this.#context;
		if (this.#encoder === undefined) return this.#context.encode(values, level, scale).object;
		rules.encode(values, level, scale);
		const bytes = this.#encoder.bytesOf(values, this.#context.level(level).layout, scale);
		return filled(new module.seal.Plaintext(), (plain) =>
			module.call('load a plaintext', () => plain.loadFromArray(context, bytes)),
		);
	}

	#make<H extends { delete(): void }>(what: string, create: () => H): H {
		return this.#handles.keep(this.#context.module.call(what, create));
	}
}
