import { RefusedError } from './errors.ts';
import type { ServerProgram } from './plan.ts';

/** A wasm heap ends at 4 GB, and what SEAL itself needs and wastes must fit too. */
const WASM_LIMIT = 3.5 * 2 ** 30;
/** Share of the free memory that may be spent. */
const FREE_SHARE = 0.8;

/** Bytes that may be spent: `free` are those the machine has, where known. */
export const defaultMemoryLimit = (free: number | undefined): number =>
	free === undefined ? WASM_LIMIT : Math.min(WASM_LIMIT, FREE_SHARE * free);

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MB`;

/**
 * May all constants stay encoded, or must each be encoded when it is used? Decided for `keySets` sets of evaluation keys.
 * Throws RefusedError 'memory', with the numbers, when not even the latter fits.
 */
export const planMemory = (
	program: Pick<ServerProgram, 'memory' | 'parameters'>,
	limit: number,
	keySets: number,
): { readonly cacheConstants: boolean } => {
	const { ciphertexts, keys, constants } = program.memory;
	const { ringDegree, primes } = program.parameters;
	const onePlaintext = constants === 0 ? 0 : 8 * ringDegree * primes.length;
	const base = ciphertexts + keySets * keys;
	if (base + constants <= limit) return { cacheConstants: true };
	if (base + onePlaintext <= limit) return { cacheConstants: false };
	throw new RefusedError(
		'memory',
		`the evaluation needs ${megabytes(base + onePlaintext)} (ciphertexts ${megabytes(ciphertexts)}, ` +
			`${keySets} key set${keySets === 1 ? '' : 's'} of ${megabytes(keys)}, constants ${megabytes(onePlaintext)} at a time), ` +
			`but ${megabytes(limit)} may be used`,
		keySets > 1
			? 'Drop the keys of another client first.'
			: 'Compile with --optimize memory or --optimize keys, or run where more memory is free.',
	);
};
