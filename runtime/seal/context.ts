import type { CKKSEncoder, Evaluator, ParmsIdType, Plaintext, SEALContext } from 'node-seal';
import { RefusedError } from '../errors.ts';
import type { CkksParameters, KeyNeeds } from '../plan.ts';
import type { Level } from '../records.ts';
import { type PlainShape, Rules } from '../rules.ts';
import { filled, Handles, release, using } from './handles.ts';
import type { SealModule } from './module.ts';
import { NumberEncoder } from './numbers.ts';

const SECURITY_LEVELS = [128, 192, 256];
/** SEAL knows security limits up to here. */
const MAX_RING_DEGREE = 32768;

/** One level of the modulus chain: what SEAL calls it, and what its serialised objects must look like. */
export type ChainLevel = { readonly id: ParmsIdType; readonly layout: Level };

/** An encoded vector: SEAL's object and what the plan knows of it. */
export type SealPlaintext = { readonly object: Plaintext; readonly shape: PlainShape };

const refuse = (message: string): never => {
	throw new RefusedError('program', `the parameters cannot be used: ${message}`, 'Compile the model again.');
};

/** Whatever SEAL does not check itself, or would answer with an exception. */
const checkParameters = ({ ringDegree, primes, specialPrime, security }: CkksParameters): void => {
	const all = [...primes, specialPrime];
	if (!Number.isInteger(Math.log2(ringDegree)) || ringDegree < 1024 || ringDegree > MAX_RING_DEGREE)
		refuse(`SEAL has no ring degree ${ringDegree}; it takes powers of two from 1024 to ${MAX_RING_DEGREE}`);
	if (!SECURITY_LEVELS.includes(security)) refuse(`${security} bits of security; at least 128 are needed`);
	if (primes.length === 0) refuse('there is no prime');
	for (const prime of all)
		if (!Number.isSafeInteger(prime) || prime % (2 * ringDegree) !== 1)
			refuse(`${prime} is not 1 modulo ${2 * ringDegree}`);
	if (new Set(all).size !== all.length) refuse('a prime occurs twice');
};

/**
 * The parameters of one program inside SEAL, with the encoder and the levels of the chain. Making it is slow (0.4 s at
 * N = 8192, 2 s at 16384, 11 s at 32768): make one and keep it. Throws RefusedError 'program' for parameters that SEAL
 * refuses, above all those below the declared security.
 */
export class SealContext {
	readonly module: SealModule;
	readonly parameters: CkksParameters;
	readonly rules: Rules;
	readonly context: SEALContext;
	readonly evaluator: Evaluator;
	/** The level of keys: all primes with the special one last. */
	readonly keyLevel: Level;
	readonly #encoder: CKKSEncoder;
	readonly #levels: readonly ChainLevel[];
	readonly #handles = new Handles();
	readonly #numbers = new NumberEncoder();

	constructor(module: SealModule, parameters: CkksParameters, keys: KeyNeeds) {
		checkParameters(parameters);
		this.module = module;
		this.parameters = parameters;
		this.rules = new Rules(parameters, keys);
		try {
			this.context = this.#handles.keep(module.call('set up the parameters', () => this.#create(), 'program'));
			if (!this.context.parametersSet())
				refuse(
					`SEAL finds them invalid, or below ${parameters.security} bits of security ` +
						`(N = ${parameters.ringDegree}, ${parameters.primes.length} primes and a special one)`,
				);
			const { seal } = module;
			this.evaluator = this.#handles.keep(module.call('make an evaluator', () => new seal.Evaluator(this.context)));
			this.#encoder = this.#handles.keep(module.call('make an encoder', () => new seal.CKKSEncoder(this.context)));
			this.keyLevel = this.#keyLevel();
			this.#levels = this.#chain();
		} catch (error) {
			this.#handles.release();
			throw error;
		}
	}

	/** Throws RefusedError 'misuse' when there is no such level. */
	level(level: number): ChainLevel {
		const found = this.#levels[level];
		if (found === undefined) throw new RefusedError('misuse', `there is no level ${level}`);
		return found;
	}

	/**
	 * Encodes n values for a level: at the top first, because SEAL's encoder knows nothing else, then switched down and
	 * shrunk. Values so small that every coefficient rounds to zero would make a product transparent, which SEAL refuses:
	 * they are encoded as 1 / scale more, less than the rounding error of any encoding. The caller releases it.
	 */
	encode(values: Float64Array, level: number, scale: number): SealPlaintext {
		const shape = this.rules.encode(values, level, scale);
		const object = filled(new this.module.seal.Plaintext(), (plain) =>
			this.module.call('encode', () => {
				this.#encoder.encode(values, scale, plain);
				if (plain.isZero() && !shape.zero)
					this.#encoder.encode(
						values.map((x) => x + 1 / scale),
						scale,
						plain,
					);
				if (level === this.#levels.length - 1) return;
				this.evaluator.plainModSwitchToInplace(plain, this.level(level).id);
				plain.shrinkToFit();
			}),
		);
		return { object, shape };
	}

	/** Encodes one number for every slot (see `NumberEncoder`). The caller releases it. */
	encodeNumber(value: number, level: number, scale: number): SealPlaintext {
		const shape = this.rules.encodeNumber(value, level, scale);
		const bytes = this.#numbers.bytesOf(value, this.level(level).layout, scale);
		const object = filled(new this.module.seal.Plaintext(), (plain) =>
			this.module.call('encode a number', () => plain.loadFromArray(this.context, bytes)),
		);
		return { object, shape };
	}

	/** Real parts of the n slots. */
	decode(plain: Plaintext): Float64Array {
		return Float64Array.from(this.module.call('decode', () => this.#encoder.decodeFloat64(plain)));
	}

	/** Releases everything; the context is unusable afterwards. */
	dispose(): void {
		this.#handles.release();
	}

	#create(): SEALContext {
		const { seal } = this.module;
		const { ringDegree, primes, specialPrime, security } = this.parameters;
		const levels = { 128: seal.SecLevelType.tc128, 192: seal.SecLevelType.tc192, 256: seal.SecLevelType.tc256 };
		return using(new seal.EncryptionParameters(seal.SchemeType.ckks), (settings) =>
			using(new seal.VectorModulus(), (moduli) => {
				for (const prime of [...primes, specialPrime])
					using(new seal.Modulus(BigInt(prime)), (modulus) => moduli.push_back(modulus));
				settings.setPolyModulusDegree(ringDegree);
				settings.setCoeffModulus(moduli);
				return new seal.SEALContext(settings, true, levels[security]);
			}),
		);
	}

	#keyLevel(): Level {
		const { ringDegree, primes, specialPrime } = this.parameters;
		const parmsId = using(this.context.keyParmsId(), idBytes);
		return { ringDegree, primes: [...primes, specialPrime], parmsId };
	}

	#chain(): readonly ChainLevel[] {
		const { ringDegree, primes } = this.parameters;
		const levels: ChainLevel[] = [];
		let data = this.context.firstContextData();
		for (let level = primes.length - 1; ; level--) {
			if (data.chainIndex() !== level)
				refuse(`SEAL's modulus chain has ${data.chainIndex() + 1} levels at level ${level}`);
			const id = this.#handles.keep(data.parmsId());
			levels[level] = { id, layout: { ringDegree, primes: primes.slice(0, level + 1), parmsId: idBytes(id) } };
			const next = level === 0 ? undefined : data.nextContextData();
			release(data);
			if (next === undefined) return levels;
			data = next;
		}
	}
}

/** The 32 bytes of SEAL's hash as they stand in serialised objects. */
const idBytes = (id: ParmsIdType): Uint8Array => {
	const words: unknown = id.values();
	if (!(words instanceof BigUint64Array)) throw new RefusedError('program', 'this node-seal is not version 7.0.0');
	const bytes = new Uint8Array(32);
	const view = new DataView(bytes.buffer);
	words.forEach((word, i) => {
		view.setBigUint64(8 * i, word, true);
	});
	return bytes;
};
