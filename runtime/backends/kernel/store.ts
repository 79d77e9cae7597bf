import type { KeyParts } from '../../engine.ts';
import { RefusedError } from '../../errors.ts';
import type { KernelSizes } from '../../kernel/arena.ts';
import { type KernelBudget, kernelBudget } from '../../kernel/memory.ts';
import { planMemory } from '../../memory.ts';
import { checkAborted, Pacer, type RunOptions } from '../../pace.ts';
import { inOrder } from '../../parts.ts';
import type { ServerProgram } from '../../plan.ts';
import { KeyLoader } from './keys.ts';
import type { KeyPlace, Layout } from './layout.ts';
import { growMemory, type Kernel, spending } from './module.ts';
import type { KeySet, OutsideKey } from './run.ts';

/** What of the memory is decided once, when a program is loaded. */
export type Budget = KernelBudget & { readonly limit: number };

/**
 * Constants stay encoded where the program says so, they fit beside one key set and do not push keys out that cost more time
 * (`kernelBudget`). Throws RefusedError 'memory', with the numbers, when it does not fit without them either.
 */
export const budgetOf = (
	program: ServerProgram,
	sizes: KernelSizes,
	room: { readonly limit: number; readonly threads: number; readonly cap: number },
): Budget => {
	const { limit } = room;
	const budget = kernelBudget(program, program.keepConstants, sizes, room);
	planMemory({ memory: keptAnyway(budget), keepConstants: false }, limit, 1);
	return { ...budget, limit };
};

/** What is kept stays: only key sets come and go. */
const keptAnyway = ({ needs }: KernelBudget): KernelBudget['needs'] => ({
	...needs,
	context: needs.context + needs.constants,
	constants: 0,
});

/**
 * The key sets: each in a place of its own behind the arena, keys outside excepted, or as a whole outside where no such place is
 * free. What a key set that is dropped gives back, inside or outside, is the next to be taken: as a wasm memory never shrinks, and threads may
 * hold what they were given, the memory taken is that of the most key sets that there were at once.
 */
export class KeyStore {
	readonly #kernel: Kernel;
	readonly #layout: Layout;
	readonly #budget: Budget;
	readonly #loader: KeyLoader;
	readonly #shared: boolean;
	readonly #keySets = new Map<string, KeySet>();
	readonly #spare: OutsideKey[] = [];
	#outsideBytes = 0;

	/** `shared`: several threads read the keys. */
	constructor(kernel: Kernel, program: ServerProgram, layout: Layout, budget: Budget, shared: boolean) {
		this.#kernel = kernel;
		this.#layout = layout;
		this.#budget = budget;
		this.#shared = shared;
		this.#loader = new KeyLoader(kernel, program.parameters, layout);
	}

	/** Bytes outside the wasm memory. */
	get outsideBytes(): number {
		return this.#outsideBytes;
	}

	/**
	 * Checks the keys and puts them into the memory, which grows where it must. Throws RefusedError 'message' for bytes that are
	 * not these keys and 'memory' where they do not fit; a load that fails leaves the other key sets as they were.
	 */
	async load(name: string, parts: KeyParts, options: RunOptions): Promise<void> {
		const { keys } = this.#layout;
		const keySet = this.#take();
		try {
			const pacer = new Pacer('load keys', keys.length, options);
			for await (const [i, part] of inOrder(parts, keys.length, options.signal)) {
				for (const _ of this.#put(keySet, keys[i] as KeyPlace, i, part)) {
					checkAborted(options.signal);
					if (pacer.due()) await pacer.pause(i);
				}
			}
			pacer.finish();
			this.#keySets.set(name, keySet);
		} catch (error) {
			this.#give(keySet);
			throw error;
		}
	}

	/** Where the keys of a key set are. */
	at(name: string): KeySet {
		const keySet = this.#keySets.get(name);
		if (keySet === undefined)
			throw new RefusedError('keys', `the evaluation keys of the key set ${name} are not loaded`);
		return keySet;
	}

	drop(name: string): void {
		const keySet = this.#keySets.get(name);
		if (keySet === undefined) return;
		this.#keySets.delete(name);
		this.#give(keySet);
	}

	/** One key to its place, or to the stage and from there outside. */
	*#put({ at, outside }: KeySet, key: KeyPlace, index: number, part: Uint8Array): Generator<undefined> {
		const own = outside[index];
		const address = own === undefined ? (at ?? 0) + (key.at ?? 0) : (this.#layout.stage?.at ?? 0);
		yield* this.#loader.load(address, key, part);
		if (own !== undefined) new Uint8Array(own).set(new Uint8Array(this.#kernel.memory.buffer, address, key.bytes));
	}

	/** Memory for one more key set. */
	#take(): KeySet {
		const { keySets, keySetBytes, stage, keys } = this.#layout;
		const place = this.#place();
		const at = place === undefined ? undefined : keySets + place * keySetBytes;
		const isOutside = (key: KeyPlace): boolean => at === undefined || key.at === undefined;
		const end = keys.some(isOutside) && stage !== undefined ? stage.at + stage.bytes : (at ?? 0) + keySetBytes;
		growMemory(this.#kernel.memory, end);
		const outside: (OutsideKey | undefined)[] = [];
		try {
			for (const key of keys) outside.push(isOutside(key) ? this.#takeOutside(key.bytes) : undefined);
		} catch (error) {
			this.#give({ at, outside });
			throw error;
		}
		return { at, outside };
	}

	#takeOutside(bytes: number): OutsideKey {
		const spare = this.#spare.findIndex(({ byteLength }) => byteLength === bytes);
		const [found] = spare < 0 ? [] : this.#spare.splice(spare, 1);
		if (found !== undefined) return found;
		const made = spending(bytes, () => (this.#shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes)));
		this.#outsideBytes += bytes;
		return made;
	}

	#give({ outside }: KeySet): void {
		for (const key of outside) if (key !== undefined) this.#spare.push(key);
	}

	/** The lowest place that is free; undefined where all are taken and the key set has to lie outside. */
	#place(): number | undefined {
		const { keySetBytes, keySets, mostKeySets, stage } = this.#layout;
		const taken = new Set([...this.#keySets.values()].map(({ at }) => at));
		let place = 0;
		// Key sets of which nothing lies inside share a place of no bytes.
		if (keySetBytes > 0) while (taken.has(keySets + place * keySetBytes)) place++;
		const inside = place < mostKeySets;
		this.#checkLimit(inside);
		if (inside) return place;
		if (stage === undefined)
			throw new RefusedError(
				'memory',
				`the wasm memory holds ${mostKeySets} key sets of this program, and no room to use others from outside`,
				'Drop the keys of another client first.',
			);
		return undefined;
	}

	/** One more key set is within the limit; the first one that lies outside needs the stage, unless keys of others do. */
	#checkLimit(inside: boolean): void {
		const { keys, stage } = this.#layout;
		const memory = keptAnyway(this.#budget);
		const more = inside || keys.some(({ at }) => at === undefined) ? 0 : (stage?.bytes ?? 0);
		const needs = { ...memory, temporaries: memory.temporaries + more };
		planMemory({ memory: needs, keepConstants: false }, this.#budget.limit, this.#keySets.size + 1);
	}
}
