import { createHash, timingSafeEqual } from 'node:crypto';
import { RefusedError } from '../errors.ts';
import { ServiceError } from './errors.ts';

/** Who may use a service: the owner's name, and the SHA-256 of what it shows. The token itself is kept nowhere. */
export type Token = { readonly name: string; readonly sha256: Uint8Array };

/** A guess at anything shorter could succeed. */
const SHORTEST = 16;
const NAME = '[A-Za-z0-9._-]{1,64}';
const HASHED = new RegExp(`^(${NAME}):([0-9a-fA-F]{64})$`);
const PLAIN = new RegExp(`^(${NAME})[ \\t]+([\\x21-\\x7e]+)$`);

const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();

const refuse = (line: number, why: string): never => {
	throw new RefusedError('input', `line ${line} of the tokens ${why}`, 'Write name:sha256-in-hex, or: name token');
};

const tokenOf = (text: string, line: number): Token => {
	const [, hashedName, hash] = HASHED.exec(text) ?? [];
	if (hashedName !== undefined && hash !== undefined) return { name: hashedName, sha256: Buffer.from(hash, 'hex') };
	const [, name, token] = PLAIN.exec(text) ?? [];
	if (name === undefined || token === undefined) return refuse(line, 'is no name with a token');
	if (token.length < SHORTEST) refuse(line, `has a token of less than ${SHORTEST} characters`);
	return { name, sha256: sha256(token) };
};

/**
 * Tokens by lines: `name:<SHA-256 of the token, in hexadecimal>`, or `name token`; '#' begins a comment. A name may have several,
 * so that one can take another's place. Throws RefusedError 'input', which never quotes a line.
 */
export const readTokens = (text: string): readonly Token[] => {
	const lines = text.split(/\r?\n/).map((line, i) => [line.trim(), i + 1] as const);
	const tokens = lines.filter(([line]) => line !== '' && !line.startsWith('#')).map(([line, i]) => tokenOf(line, i));
	if (tokens.length === 0) throw new RefusedError('input', 'there is no token');
	return tokens;
};

/** What an `Authorization` header shows; undefined where it shows none. */
const bearer = (header: string | undefined): string | undefined => /^Bearer +([\x21-\x7e]+)$/i.exec(header ?? '')?.[1];

/**
 * Whose request this is; the empty string where there are no tokens. All hashes are compared, each in the same time, whichever
 * fits. Throws ServiceError 'unauthorized'.
 */
export const ownerOf = (tokens: readonly Token[] | undefined, header: string | undefined): string => {
	if (tokens === undefined) return '';
	const shown = sha256(bearer(header) ?? '');
	const fitting = tokens.filter((token) => timingSafeEqual(token.sha256, shown));
	const [token] = fitting;
	if (token === undefined || bearer(header) === undefined)
		throw new ServiceError(
			'unauthorized',
			'there is no token, or one that is unknown',
			'Send Authorization: Bearer <token>.',
		);
	return token.name;
};
