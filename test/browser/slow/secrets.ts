import { createClient } from '../../../runtime/client.ts';
import type { ClientProgram } from '../../../runtime/plan.ts';
import { MESSAGE_HEADER, PLAINTEXT_HEADER, residueBytes } from '../../../runtime/sizes.ts';
import { Needles } from './needles.ts';

/** What one client knows and nobody else may: its secret key as it exports it, and all that its generator drew. */
export type Secrets = {
	/** The private message. */
	readonly exported: Uint8Array;
	/** What `crypto.getRandomValues` gave it, call by call: the name of its key set is among it, which is public. */
	readonly draws: readonly Uint8Array[];
};

/** Where the residues begin: behind the head of a message with one part, and that of SEAL's record. */
const RESIDUES_AT = MESSAGE_HEADER + 8 + PLAINTEXT_HEADER;

/** A residue as bytes. */
type Form = { readonly name: string; readonly bytes: (residue: bigint) => Uint8Array };

const words = (write: (view: DataView) => void): Uint8Array => {
	const view = new DataView(new ArrayBuffer(8));
	write(view);
	return new Uint8Array(view.buffer);
};

/** Integers of the fewest bytes, as residues are sent, up to 8, as SEAL has them; float64, also balanced, as in the kernel. */
const formsOf = (prime: number): readonly Form[] => [
	...Array.from({ length: 9 - residueBytes(prime) }, (_, k) => ({
		name: `secret key, residues of ${8 - k} bytes`,
		bytes: (residue: bigint) => words((view) => view.setBigUint64(0, residue, true)).subarray(0, 8 - k),
	})),
	{
		name: 'secret key, residues as float64',
		bytes: (residue) => words((view) => view.setFloat64(0, Number(residue), true)),
	},
	{
		name: 'secret key, balanced residues as float64',
		bytes: (residue) =>
			words((view) => view.setFloat64(0, Number(residue) - (2 * Number(residue) > prime ? prime : 0), true)),
	},
];

/** The words of four bytes that were drawn, each pair exchanged: halves of words of eight. */
const exchanged = (drawn: Uint8Array): Uint8Array =>
	Uint8Array.from(drawn, (_, i) => drawn[i ^ 4] ?? 0).subarray(0, drawn.length - (drawn.length % 8));

/** The name of the key set, as it is in the head of a message. */
export const keySetOf = (message: Uint8Array): Buffer => Buffer.from(message.subarray(40, 56));

/**
 * The 64 bytes that the secret key is expanded from, drawn by four. Behind them a client draws 64 for a public key that nobody uses, then
 * the name of its key set.
 */
export const seedOf = ({ exported, draws }: Secrets): Buffer => {
	const end = draws.findIndex((draw) => keySetOf(exported).equals(draw));
	return Buffer.concat(draws.slice(end - 32, end - 16));
};

/** What was drawn and is not public. */
const secretDraws = ({ exported, draws }: Secrets): Buffer =>
	Buffer.concat(draws.filter((draw) => !keySetOf(exported).equals(draw)));

/** What to look for: the residues of the key in every form that programs here have for residues, and what the key was made of. */
export const needlesOf = (secrets: readonly (Secrets & { readonly program: ClientProgram })[]): Needles => {
	const needles = new Needles();
	for (const { program, ...secret } of secrets) {
		const { exported } = secret;
		const { ringDegree, primes, specialPrime } = program.parameters;
		const all = [...primes, specialPrime];
		const view = new DataView(exported.buffer, exported.byteOffset + RESIDUES_AT);
		all.forEach((prime, i) => {
			const residues = Array.from({ length: ringDegree }, (_, k) => view.getBigUint64(8 * (i * ringDegree + k), true));
			for (const { name, bytes } of formsOf(prime)) {
				const parts = residues.map(bytes);
				needles.add(name, Buffer.concat(parts), parts[0]?.length ?? 1);
			}
		});
		const drawn = secretDraws(secret);
		for (const order of [drawn, exchanged(drawn)]) needles.add('what the key was drawn from', order, 4);
	}
	return needles;
};

/**
 * The private message of a client that draws these bytes in its turn. The process's own generator is back afterwards.
 * Throws where it draws other numbers of bytes.
 */
export const replay = async (program: ClientProgram, draws: readonly Uint8Array[]): Promise<Uint8Array> => {
	const original = globalThis.crypto.getRandomValues;
	const left = draws.values();
	const replayed: typeof original = (view) => {
		const { value: draw } = left.next();
		if (!(view instanceof Uint8Array) || draw?.length !== view.length)
			throw new Error(`the client draws ${view.byteLength} bytes, where it drew ${draw?.length ?? 0} before`);
		view.set(draw);
		return view;
	};
	globalThis.crypto.getRandomValues = replayed;
	try {
		const client = await createClient(program);
		const exported = await client.exportSecretKey();
		client.dispose();
		return exported;
	} finally {
		globalThis.crypto.getRandomValues = original;
	}
};
