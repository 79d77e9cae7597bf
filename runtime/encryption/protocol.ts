import type { CkksParameters } from '../plan.ts';

/** What a thread that encrypts is started with. It has the secret key: it belongs to the key owner's own process. */
export type EncryptorData = { readonly parameters: CkksParameters; readonly secret: Uint8Array };

/** One ciphertext to make: n real slots at a level and a scale. */
export type Job = { readonly values: Float64Array; readonly level: number; readonly scale: number };

/** To the thread, and back with the seeded bytes. */
export type Order = Job & { readonly index: number };
export type Made = { readonly index: number; readonly bytes: Uint8Array };
