import { createCipheriv, createDecipheriv, randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { RefusedError } from '../runtime/errors.ts';
import type { Output } from './output.ts';
import { type PassphraseSource, passphraseFor } from './passphrase.ts';
import { readFile } from './readFile.ts';

/**
 * A secret key file is what `Client.exportSecretKey` gives, or that wrapped: "ONSW", version 1, 3 bytes of zero, 16 of salt, 12 of
 * nonce, the key encrypted by AES-256-GCM, 16 of tag. The cipher's key is scrypt of the passphrase (UTF-8, NFKC) and the salt; the
 * 36 bytes in front are authenticated too. scrypt takes 128 MB and about half a second, which is what a guess costs.
 */
const MAGIC = Uint8Array.from([0x4f, 0x4e, 0x53, 0x57, 1, 0, 0, 0]);
const SALT = 16;
const NONCE = 12;
const TAG = 16;
const FRONT = MAGIC.length + SALT + NONCE;
const COST: ScryptOptions = { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 };
const CIPHER = 'aes-256-gcm';

const keyFrom = (passphrase: string, salt: Uint8Array): Promise<Uint8Array> =>
	new Promise((resolve, reject) => {
		scrypt(passphrase.normalize('NFKC'), salt, 32, COST, (error, key) => (error ? reject(error) : resolve(key)));
	});

export const wrap = async (secret: Uint8Array, passphrase: string): Promise<Uint8Array> => {
	const front = Buffer.concat([MAGIC, randomBytes(SALT + NONCE)]);
	const key = await keyFrom(passphrase, front.subarray(MAGIC.length, MAGIC.length + SALT));
	const cipher = createCipheriv(CIPHER, key, front.subarray(FRONT - NONCE)).setAAD(front);
	const body = [cipher.update(secret), cipher.final()];
	return new Uint8Array(Buffer.concat([front, ...body, cipher.getAuthTag()]));
};

const startsLike = (bytes: Uint8Array, length: number): boolean =>
	MAGIC.subarray(0, length).every((byte, i) => bytes[i] === byte);

export const isWrapped = (bytes: Uint8Array): boolean => startsLike(bytes, 4);

/** The secret key in a wrapped file. Throws RefusedError 'keys' for another passphrase or a damaged file, which look alike. */
export const unwrap = async (bytes: Uint8Array, passphrase: string, path: string): Promise<Uint8Array> => {
	if (!startsLike(bytes, MAGIC.length))
		throw new RefusedError('keys', `${path} is wrapped in a way that this version does not know`);
	if (bytes.length < FRONT + TAG) throw new RefusedError('keys', `${path} is cut off`);
	const front = bytes.subarray(0, FRONT);
	const key = await keyFrom(passphrase, front.subarray(MAGIC.length, MAGIC.length + SALT));
	const cipher = createDecipheriv(CIPHER, key, front.subarray(FRONT - NONCE), { authTagLength: TAG }).setAAD(front);
	cipher.setAuthTag(bytes.subarray(bytes.length - TAG));
	try {
		const body = [cipher.update(bytes.subarray(FRONT, bytes.length - TAG)), cipher.final()];
		return new Uint8Array(Buffer.concat(body));
	} catch {
		throw new RefusedError(
			'keys',
			`the passphrase does not open ${path}, or the file is damaged`,
			'Without the passphrase that it was made with, nothing can read it.',
		);
	}
};

/** Others of the machine may read the file: worth a word, where the platform tells. */
const warnOfReaders = (path: string, output: Pick<Output, 'warn'>): void => {
	if (process.platform === 'win32') return;
	const mode = statSync(path).mode & 0o777;
	if ((mode & 0o077) !== 0)
		output.warn(
			`Warning: ${path} may be opened by others (mode ${mode.toString(8)}); whoever reads it decrypts everything. chmod 600 ends that.`,
		);
};

/** The bytes of a secret key file, unwrapped where it is wrapped. */
export const readSecret = async (
	path: string,
	source: PassphraseSource,
	output: Pick<Output, 'warn' | 'settle'>,
): Promise<Uint8Array> => {
	const bytes = readFile(path);
	if (!isWrapped(bytes)) {
		warnOfReaders(path, output);
		if (source.passphraseFile !== undefined)
			throw new RefusedError('keys', `${path} has no passphrase`, 'Leave --passphrase-file out.');
		return bytes;
	}
	return unwrap(bytes, await passphraseFor(`Passphrase of ${path}: `, source, output), path);
};

/** Written for its owner alone from the first byte on. A key that is there already is never lost: what it encrypted would be. */
export const writeSecret = (path: string, bytes: Uint8Array): void =>
	writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' });
