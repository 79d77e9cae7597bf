import type { SecurityBits } from '../../runtime/plan.ts';

/**
 * The largest log2(QP) by ring degree: ternary secret, classical attacks, at 128, 192 and 256 bits. Source: "Security
 * Guidelines for Implementing Homomorphic Encryption" (Bossuat et al., 2024, ia.cr/2024/463), default table. SEAL itself
 * enforces the 2018 standard, which allows a few bits more.
 */
const LIMITS: ReadonlyMap<number, { readonly [S in SecurityBits]: number }> = new Map([
	[4096, { 128: 106, 192: 73, 256: 56 }],
	[8192, { 128: 214, 192: 147, 256: 114 }],
	[16384, { 128: 430, 192: 297, 256: 230 }],
	[32768, { 128: 868, 192: 597, 256: 462 }],
]);

/** Ring degrees that SEAL takes and the table covers, ascending. */
export const RING_DEGREES: readonly number[] = [...LIMITS.keys()];

/** The largest total bit size of data and special primes; 0 for a ring degree outside the table. */
export const modulusLimit = (ringDegree: number, security: SecurityBits): number =>
	LIMITS.get(ringDegree)?.[security] ?? 0;
