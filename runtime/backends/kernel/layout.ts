import { RefusedError } from '../../errors.ts';
import { type Arena, aligned, type KernelSizes, keepsConstants } from '../../kernel/arena.ts';
import {
	constantBytes,
	type Footprint,
	footprintOf,
	type KernelBlocks,
	keyBytes,
	listBytes,
	stagingBytes,
	wasmBytes,
} from '../../kernel/memory.ts';
import { WASM_BYTES } from '../../kernel/residency.ts';
import { normalizeSteps, type ServerProgram } from '../../plan.ts';
import { type KeySlot, keySlots } from '../../sizes.ts';

/** A key: where it lies in its key set, and the tables and sizes that calls with it need. */
export type KeyPlace = {
	readonly slot: KeySlot;
	/** Relative to the beginning of the key set; undefined where it lies outside the wasm memory. */
	readonly at: number | undefined;
	readonly bytes: number;
	readonly primes: number;
	/** Address of the table of its automorphism; 0 for relinearization. */
	readonly table: number;
};

/** Addresses of everything in the memory, for one program. The same program and options give the same layout everywhere. */
export type Layout = {
	readonly threads: number;
	/** 16 bytes of zeros. */
	readonly barrier: number;
	readonly context: number;
	readonly encoder: number;
	/** For each thread `stagingBytes`. */
	readonly staging: readonly number[];
	readonly scratch: number;
	/** Of each encoded constant; undefined where they are not kept. */
	readonly constants: readonly number[] | undefined;
	/** Of the lists of each instruction. */
	readonly lists: readonly number[];
	readonly arena: number;
	readonly places: Arena['places'];
	readonly keys: readonly KeyPlace[];
	/** Where the key sets begin, and the bytes of each that lie in the wasm memory. */
	readonly keySets: number;
	readonly keySetBytes: number;
	/** How many key sets have a place in the wasm memory; all others lie outside as a whole. */
	readonly mostKeySets: number;
	/** Where keys from outside are copied to; undefined where nothing can lie outside. */
	readonly stage: { readonly at: number; readonly bytes: number } | undefined;
};

/** `cap`: bytes at which the wasm memory ends, 4 GB unless said. */
export type LayoutOptions = {
	readonly threads: number;
	readonly keepConstants: boolean;
	readonly cap?: number | undefined;
};

/** base, base + first, base + first + second, ...: where blocks of these bytes begin. */
const starts = (base: number, bytes: readonly number[]): readonly number[] => {
	let at = base;
	return bytes.map((length) => {
		at += length;
		return at - length;
	});
};

/** The order of the blocks in the memory. */
const ORDER = [
	'reserved',
	'context',
	'encoder',
	'automorphisms',
	'lists',
	'staging',
	'scratch',
	'constants',
	'arena',
] as const satisfies readonly (keyof KernelBlocks)[];

/**
 * Throws RefusedError 'program' for a plan that is not legal, and 'memory', with the numbers, for one that a wasm memory cannot hold
 * though all keys but one lie outside.
 */
export const layoutOf = (
	program: ServerProgram,
	sizes: KernelSizes,
	{ threads, keepConstants, cap = WASM_BYTES }: LayoutOptions,
): Layout => {
	const { ringDegree } = program.parameters;
	const footprint = footprintOf(program, keepConstants, sizes, { threads, cap });
	const { arena, blocks } = footprint;
	const bounds = starts(
		0,
		ORDER.map((name) => blocks[name]),
	);
	const start = (name: (typeof ORDER)[number]): number => bounds[ORDER.indexOf(name)] as number;
	const kept = keepsConstants(program, keepConstants);
	const keySets = start('arena') + blocks.arena;
	const bytes = keyBytes(program, sizes);
	checkFits(footprint, bytes, cap);
	return {
		threads,
		barrier: blocks.reserved - 64,
		context: start('context'),
		encoder: start('encoder'),
		staging: starts(start('staging'), new Array<number>(threads).fill(stagingBytes(ringDegree))),
		scratch: start('scratch'),
		constants: kept ? starts(start('constants'), constantBytes(program)) : undefined,
		lists: starts(start('lists'), program.instructions.map(listBytes)),
		arena: start('arena'),
		places: arena.places,
		keys: keyPlaces(program, bytes, footprint.keys.inside, start('automorphisms')),
		keySets,
		...keySetPlaces(footprint, keySets, bytes, cap),
	};
};

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MB`;

const checkFits = (footprint: Footprint, bytes: readonly number[], cap: number): void => {
	const needed = wasmBytes(footprint, bytes);
	if (needed <= cap) return;
	const { arena, constants } = footprint.blocks;
	const { stage } = footprint.keys;
	throw new RefusedError(
		'memory',
		`the program needs ${megabytes(needed)} of wasm memory (ciphertexts ${megabytes(arena)}, constants ` +
			`${megabytes(constants)}, its largest key ${megabytes(stage)}), which ends at ${megabytes(cap)}`,
		'Compile with --optimize memory or --optimize keys, or with fewer samples in one ciphertext (--batch).',
	);
};

/** As many key sets as fit, all alike, and the stage behind them: where there is room for several, one gives way to it. */
const keySetPlaces = (
	{ keys: { inside } }: Footprint,
	keySets: number,
	bytes: readonly number[],
	cap: number,
): Pick<Layout, 'keySetBytes' | 'mostKeySets' | 'stage'> => {
	const largest = Math.max(0, ...bytes);
	const keySetBytes = bytes.reduce((sum, length, key) => sum + (inside[key] === true ? length : 0), 0);
	const most = (room: number): number =>
		keySetBytes === 0 ? Number.POSITIVE_INFINITY : Math.floor(room / keySetBytes);
	const mostKeySets = Math.max(1, most(cap - keySets - largest));
	const at = keySets + (keySetBytes === 0 ? 0 : mostKeySets * keySetBytes);
	const stage = largest > 0 && at + largest <= cap ? { at, bytes: largest } : undefined;
	return { keySetBytes, mostKeySets, stage };
};

const keyPlaces = (
	{ parameters: { ringDegree }, keys }: ServerProgram,
	bytes: readonly number[],
	inside: readonly boolean[],
	automorphisms: number,
): readonly KeyPlace[] => {
	const at = starts(
		0,
		bytes.map((length, key) => (inside[key] === true ? length : 0)),
	);
	const tables = new Map<number, number>();
	const tableOf = (slot: KeySlot): number => {
		if (slot.kind === 'relinearization') return 0;
		const steps = normalizeSteps(slot.steps, ringDegree / 2);
		const known = tables.get(steps) ?? automorphisms + tables.size * aligned(4 * ringDegree);
		tables.set(steps, known);
		return known;
	};
	return keySlots(keys).map((slot, i) => ({
		slot,
		at: inside[i] === true ? at[i] : undefined,
		bytes: bytes[i] as number,
		primes: slot.level + 1,
		table: tableOf(slot),
	}));
};
