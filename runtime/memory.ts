import { RefusedError } from './errors.ts';
import { MOST_MEMORY, type ServerProgram } from './plan.ts';

/** Share of the free memory that may be spent. */
const FREE_SHARE = 0.8;

/** Memory that is free for this process, where the platform tells. */
export const freeMemory = (): number | undefined => {
	const available: unknown = globalThis.process?.availableMemory?.();
	return typeof available === 'number' && available > 0 ? available : undefined;
};

/** Bytes that may be spent: `free` are those the machine has; where that is not known, what one wasm memory holds. */
export const defaultMemoryLimit = (free: number | undefined): number =>
	free === undefined ? MOST_MEMORY : FREE_SHARE * free;

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MB`;

/**
 * Do all constants stay encoded, or is each encoded when it is used? The latter when the program says so or they do not fit, for
 * `keySets` sets of evaluation keys.
 * `held`: they were encoded before, and SEAL gives no memory back. Throws RefusedError 'memory', with the numbers, when they
 * must not stay encoded and are held, or when not even single ones fit.
 */
export const planMemory = (
	{ memory, keepConstants }: Pick<ServerProgram, 'memory' | 'keepConstants'>,
	limit: number,
	keySets: number,
	held = false,
): { readonly cacheConstants: boolean } => {
	const { context, keys, constants, ciphertexts, temporaries } = memory;
	const base = context + keySets * keys + ciphertexts + temporaries;
	if (keepConstants && base + constants <= limit) return { cacheConstants: true };
	if (base <= limit && !held) return { cacheConstants: false };
	throw new RefusedError(
		'memory',
		`the evaluation needs ${megabytes(held ? base + constants : base)} (${megabytes(context)} for the parameters, ` +
			`${keySets} key set${keySets === 1 ? '' : 's'} of ${megabytes(keys)}, ciphertexts ${megabytes(ciphertexts)}, ` +
			`temporaries ${megabytes(temporaries)}${held ? `, constants ${megabytes(constants)}` : ''}), ` +
			`but ${megabytes(limit)} may be used`,
		remedy(keySets, held),
	);
};

const remedy = (keySets: number, held: boolean): string => {
	if (keySets === 1)
		return 'Compile with --optimize memory or --optimize keys, with fewer samples in one ciphertext (--batch), or run where more memory is free.';
	return held
		? 'Drop the keys of another client first, or start a server and load all keys before it evaluates.'
		: 'Drop the keys of another client first.';
};
