import { type Computation, type Instruction, normalizeSteps } from '../plan.ts';
import { keySlots } from '../sizes.ts';

/**
 * Which keys of a key set lie *inside* the wasm memory, which ends at 4 GB. The others lie outside, as the kernel reads them, and
 * are copied to one place in it, the *stage*, before they are used.
 */
export type Residency = {
	/** Of each key, in the order of `keySlots`. */
	readonly inside: readonly boolean[];
	/** Bytes of the stage, which holds any key; 0 where all are inside. */
	readonly stage: number;
	/** Bytes that one evaluation copies to the stage. */
	readonly copied: number;
};

/** What 32-bit addresses reach. */
export const WASM_BYTES = 2 ** 32;

/** For each instruction the key that it uses, in the order of `keySlots`; undefined where it uses or finds none. */
export const keyUses = (
	program: Pick<Computation, 'parameters' | 'keys' | 'instructions'>,
): readonly (number | undefined)[] => {
	const slots = program.parameters.ringDegree / 2;
	const keys = keySlots(program.keys);
	const relinearization = keys.findIndex(({ kind }) => kind === 'relinearization');
	const rotations = new Map(
		keys.flatMap((key, k) => (key.kind === 'rotation' ? [[normalizeSteps(key.steps, slots), k] as const] : [])),
	);
	const keyOf = (step: Instruction): number | undefined => {
		if (step.op === 'rotate') return rotations.get(normalizeSteps(step.steps, slots));
		return step.op === 'relinearize' && relinearization >= 0 ? relinearization : undefined;
	};
	return program.instructions.map(keyOf);
};

/** For each instruction the key that is copied to the stage before it: one that is outside and does not lie there already. */
export const stagedKeys = (
	uses: readonly (number | undefined)[],
	inside: readonly boolean[],
): readonly (number | undefined)[] => {
	let there: number | undefined;
	return uses.map((key) => {
		if (key === undefined || inside[key] === true || key === there) return undefined;
		there = key;
		return key;
	});
};

/**
 * All keys inside where they fit into `room` bytes. Else, beside the stage, those that would be copied most often: of a key that
 * is used many times in a row there is one copy, and bytes of room save as many bytes of copies as the key has copies. Where not
 * even the stage fits, all are outside.
 */
export const residencyOf = (
	uses: readonly (number | undefined)[],
	bytes: readonly number[],
	room: number,
): Residency => {
	const all = bytes.reduce((sum, length) => sum + length, 0);
	if (all <= room) return { inside: bytes.map(() => true), stage: 0, copied: 0 };
	const stage = bytes.reduce((most, length) => Math.max(most, length), 0);
	const inside = bytes.map(() => false);
	let left = room - stage;
	for (const key of byCopies(uses, bytes.length)) {
		const length = bytes[key] as number;
		if (length > left) continue;
		inside[key] = true;
		left -= length;
	}
	return { inside, stage, copied: bytesCopied(uses, inside, bytes) };
};

/** All keys, those first that one evaluation would copy most often if all were outside. */
const byCopies = (uses: readonly (number | undefined)[], keys: number): readonly number[] => {
	const nothing = new Array<boolean>(keys).fill(false);
	const copies = new Array<number>(keys).fill(0);
	for (const key of stagedKeys(uses, nothing)) if (key !== undefined) copies[key] = (copies[key] ?? 0) + 1;
	return [...copies.keys()].sort((a, b) => (copies[b] ?? 0) - (copies[a] ?? 0));
};

const bytesCopied = (
	uses: readonly (number | undefined)[],
	inside: readonly boolean[],
	bytes: readonly number[],
): number =>
	stagedKeys(uses, inside).reduce<number>((sum, key) => sum + (key === undefined ? 0 : (bytes[key] ?? 0)), 0);
