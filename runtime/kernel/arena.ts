import { type Computation, type Instruction, registersRead, registersWritten, virtualSlots } from '../plan.ts';
import { type Value, valuesOf } from '../values.ts';
import type { KernelExports } from './exports.ts';

/** Bytes that the kernel's functions expect for what they work on. */
export type KernelSizes = Pick<
	KernelExports,
	'contextBytes' | 'encoderBytes' | 'scratchBytes' | 'digitBytes' | 'keyBytes'
>;

const ALIGNMENT = 64;
/** All blocks begin at multiples of 64. */
export const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Constants that are not kept are encoded for so many terms of a sum at once. */
export const TERMS_AT_ONCE = 8;

export const logOf = (ringDegree: number): number => Math.round(Math.log2(ringDegree));

/** Bytes of a plaintext, or of one polynomial of a ciphertext. */
export const polynomialBytes = (ringDegree: number, level: number, extended: boolean): number =>
	8 * ringDegree * (level + (extended ? 2 : 1));

/** A value in the arena. */
export type Placed = { readonly value: Value; readonly at: number };

/** What one instruction finds where in the arena: addresses are relative to its beginning. */
export type Places = {
	/** By register. */
	readonly reads: ReadonlyMap<number, Placed>;
	readonly writes: readonly Placed[];
	/** Plaintexts of constants that are not kept, each of as many bytes as a polynomial of the first operand. */
	readonly plaintexts: readonly number[];
	/** A part of a sum, of the bytes of the result. */
	readonly partial: number | undefined;
};

export type Arena = { readonly bytes: number; readonly places: readonly Places[] };

/** The free blocks of a piece of memory that grows at its end: best fit, the lowest of equal ones. */
class Blocks {
	/** Ascending, no two adjoining. */
	readonly #free: { at: number; bytes: number }[] = [];
	#end = 0;

	get end(): number {
		return this.#end;
	}

	take(wanted: number): number {
		const bytes = aligned(wanted);
		let best: number | undefined;
		for (const [i, block] of this.#free.entries())
			if (block.bytes >= bytes && (best === undefined || block.bytes < (this.#free[best]?.bytes ?? 0))) best = i;
		return best === undefined ? this.#extend(bytes) : this.#cut(best, bytes);
	}

	give(at: number, wanted: number): void {
		const bytes = aligned(wanted);
		const next = this.#free.findIndex((block) => block.at > at);
		const i = next < 0 ? this.#free.length : next;
		this.#free.splice(i, 0, { at, bytes });
		this.#join(i);
		this.#join(i - 1);
	}

	/** Joins block i and the next one where they adjoin. */
	#join(i: number): void {
		const [block, next] = [this.#free[i], this.#free[i + 1]];
		if (block === undefined || next === undefined || block.at + block.bytes !== next.at) return;
		block.bytes += next.bytes;
		this.#free.splice(i + 1, 1);
	}

	#cut(i: number, bytes: number): number {
		const block = this.#free[i] as { at: number; bytes: number };
		const { at } = block;
		block.at += bytes;
		block.bytes -= bytes;
		if (block.bytes === 0) this.#free.splice(i, 1);
		return at;
	}

	/** A block at the end, of which a last free block may be the beginning. */
	#extend(bytes: number): number {
		const last = this.#free.at(-1);
		const at = last !== undefined && last.at + last.bytes === this.#end ? last.at : this.#end;
		if (at < this.#end) this.#free.pop();
		this.#end = at + bytes;
		return at;
	}
}

/** A value from the instruction that writes it to the last one that reads it. */
type Life = { readonly value: Value; readonly bytes: number; last: number; at: number };

/** The lives that each instruction ends, begins and reads by register. */
type Scene = { readonly reads: ReadonlyMap<number, Life>; readonly writes: readonly Life[] };

const scenesOf = (program: Computation, sizes: KernelSizes): readonly Scene[] => {
	const { ringDegree } = program.parameters;
	const values = valuesOf(program);
	const registers = new Map<number, Life>();
	return program.instructions.map((instruction, i) => {
		const reads = new Map(
			registersRead(instruction).map((register) => {
				const life = registers.get(register) as Life;
				life.last = i;
				return [register, life] as const;
			}),
		);
		const writes = registersWritten(instruction).map((register, k): Life => {
			const value = values[i]?.[k] as Value;
			const life = { value, bytes: valueBytes(value, ringDegree, sizes), last: i, at: -1 };
			registers.set(register, life);
			return life;
		});
		return { reads, writes };
	});
};

const valueBytes = (value: Value, ringDegree: number, sizes: KernelSizes): number =>
	value.kind === 'digits'
		? sizes.digitBytes(logOf(ringDegree), value.level + 1)
		: value.size * polynomialBytes(ringDegree, value.level, value.extended);

/** The result may lie where an operand does that nothing reads any more. */
const IN_PLACE: ReadonlySet<Instruction['op']> = new Set(['add', 'subtract', 'negate', 'addPlain']);

/** Bytes of each plaintext that an instruction needs, and how many at once. */
const plaintextsOf = (
	instruction: Instruction,
	program: Computation,
): { readonly count: number; readonly bytes: number } => {
	const used =
		instruction.op === 'sumProducts'
			? instruction.constants
			: instruction.op === 'addPlain'
				? [instruction.constant]
				: [];
	const spec = program.constants[used[0] ?? -1];
	if (spec === undefined) return { count: 0, bytes: 0 };
	const bytes = polynomialBytes(program.parameters.ringDegree, spec.level, spec.extended === true);
	return { count: Math.min(used.length, TERMS_AT_ONCE), bytes };
};

/** Are the constants of this program encoded once? Those of one virtual slot are numbers, encoded in no time at each use. */
export const keepsConstants = (program: Computation, keep: boolean): boolean => keep && virtualSlots(program) > 1;

/**
 * Gives every value its place: as long as it lives no other lies there. Throws RefusedError 'program' where the instructions are
 * not legal.
 */
export const arenaOf = (program: Computation, sizes: KernelSizes, keepConstants: boolean): Arena => {
	const scenes = scenesOf(program, sizes);
	const blocks = new Blocks();
	const kept = keepsConstants(program, keepConstants);
	const places = program.instructions.map((instruction, i): Places => {
		const { reads, writes } = scenes[i] as Scene;
		const dying = new Set([...reads.values()].filter(({ last }) => last === i));
		for (const life of writes) {
			const host = IN_PLACE.has(instruction.op) ? [...dying].find(({ bytes }) => bytes === life.bytes) : undefined;
			life.at = host?.at ?? blocks.take(life.bytes);
			if (host !== undefined) dying.delete(host);
		}
		const { count, bytes } = kept ? { count: 0, bytes: 0 } : plaintextsOf(instruction, program);
		const plaintexts = Array.from({ length: count }, () => blocks.take(bytes));
		const terms = instruction.op === 'sumProducts' ? instruction.terms.length : 0;
		const size = count > 0 && terms > TERMS_AT_ONCE ? (writes[0]?.bytes ?? 0) : 0;
		const partial = size > 0 ? blocks.take(size) : undefined;
		for (const at of plaintexts) blocks.give(at, bytes);
		if (partial !== undefined) blocks.give(partial, size);
		for (const life of [...dying, ...writes.filter(({ last }) => last === i)]) blocks.give(life.at, life.bytes);
		return {
			reads: new Map([...reads].map(([r, life]) => [r, placed(life)])),
			writes: writes.map(placed),
			plaintexts,
			partial,
		};
	});
	return { bytes: blocks.end, places };
};

const placed = ({ value, at }: Life): Placed => ({ value, at });
