import { createDiffieHellman, getDiffieHellman, randomBytes } from 'node:crypto';

import { cpuMilliseconds } from '../examples/cpu.ts';

/**
 * What federated averaging takes with one value in each Paillier ciphertext, as in its usual descriptions: n of 2048 bits, which is held
 * to be as hard as 112 bits, so a ciphertext is a number below n^2 of 512 bytes.
 */
export const PAILLIER_BYTES = 512;

const ROUNDS = 5;

/**
 * Milliseconds of processor time of one encryption, at least: r^n mod n^2, a power with an exponent of 2048 bits modulo a number of 4096 bits, computed
 * by OpenSSL modulo the prime of the group modp16, which has as many.
 */
export const paillierMilliseconds = (): number => {
	const group = createDiffieHellman(getDiffieHellman('modp16').getPrime(), Buffer.of(2));
	group.setPrivateKey(Buffer.concat([Buffer.of(255), randomBytes(255)]));
	const base = Buffer.concat([Buffer.of(127), randomBytes(511)]);
	const times = Array.from({ length: ROUNDS }, () => {
		const start = cpuMilliseconds();
		group.computeSecret(base);
		return cpuMilliseconds() - start;
	});
	return times.toSorted((a, b) => a - b)[ROUNDS >> 1] as number;
};
