import { randomBytes } from 'node:crypto';

/** Uniform in [0, 1), and nobody's guess: who is chosen for a round should not be known before. */
export const random = (): number => randomBytes(6).readUIntBE(0, 6) / 2 ** 48;
