import type { GaloisKeys, RelinKeys } from 'node-seal';
import type { KeyParts } from '../engine.ts';
import { RefusedError } from '../errors.ts';
import { nameOfKey, unpackKey } from '../keyCodec.ts';
import { Pacer, type RunOptions } from '../pace.ts';
import { inOrder } from '../parts.ts';
import type { KeyNeeds } from '../plan.ts';
import { type KeySlot, keySlots } from '../sizes.ts';
import type { SealContext } from './context.ts';
import { filled, Handles } from './handles.ts';

/** The evaluation keys of one key owner inside SEAL: one object for each rotation step, so that none is ever doubled. */
export class EvaluationKeys {
	readonly #handles = new Handles();
	readonly #rotations = new Map<number, GaloisKeys>();
	#relinearization: RelinKeys | undefined;

	/** Checks and loads keys in the order of `keySlots`. Throws RefusedError 'message' for bytes that are not these keys. */
	static async load(
		context: SealContext,
		needs: KeyNeeds,
		parts: KeyParts,
		options: RunOptions,
	): Promise<EvaluationKeys> {
		const keys = new EvaluationKeys();
		const slots = keySlots(needs);
		const pacer = new Pacer('load keys', slots.length, options);
		try {
			for await (const [i, part] of inOrder(parts, slots.length, options.signal)) {
				keys.#load(context, slots[i] as KeySlot, part);
				await pacer.pause(i + 1);
			}
			return keys;
		} catch (error) {
			keys.dispose();
			throw error;
		}
	}

	get relinearization(): RelinKeys {
		if (this.#relinearization === undefined) throw new RefusedError('keys', 'there is no relinearization key');
		return this.#relinearization;
	}

	/** The key of exactly this rotation, steps in [0, n). */
	rotation(steps: number): GaloisKeys {
		const keys = this.#rotations.get(steps);
		if (keys === undefined) throw new RefusedError('keys', `there is no key for a rotation by ${steps}`);
		return keys;
	}

	dispose(): void {
		this.#handles.release();
		this.#rotations.clear();
		this.#relinearization = undefined;
	}

	#load(context: SealContext, slot: KeySlot, bytes: Uint8Array): void {
		const { seal } = context.module;
		const what = nameOfKey(slot);
		const record = unpackKey(bytes, context.parameters, context.keyLevel, slot, what);
		const load = (keys: RelinKeys | GaloisKeys): void =>
			context.module.call(`load ${what}`, () => keys.loadFromArray(context.context, record), 'message');
		if (slot.kind === 'relinearization') this.#relinearization = this.#handles.keep(filled(new seal.RelinKeys(), load));
		else this.#rotations.set(slot.steps, this.#handles.keep(filled(new seal.GaloisKeys(), load)));
	}
}
