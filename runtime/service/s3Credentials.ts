import { readFileSync, statSync } from 'node:fs';
import { RefusedError } from '../errors.ts';

export type S3Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string };

/** What a process with blobs in S3 needs of the environment. */
export const S3_VARIABLES = [
	'AWS_ACCESS_KEY_ID',
	'AWS_SECRET_ACCESS_KEY',
	'AWS_SESSION_TOKEN',
	'AWS_SHARED_CREDENTIALS_FILE',
	'AWS_PROFILE',
	'NODE_EXTRA_CA_CERTS',
] as const;

/** More is no file of credentials. */
const MOST_FILE_BYTES = 2 ** 20;

const refuse = (why: string): never => {
	throw new RefusedError(
		'misuse',
		why,
		'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE to a file with both.',
	);
};

const textOf = (path: string): string => {
	try {
		if (statSync(path).size > MOST_FILE_BYTES) return refuse('the file of S3 credentials is too large to be one');
		return readFileSync(path, 'utf8');
	} catch (error) {
		if (error instanceof RefusedError) throw error;
		return refuse('the file that AWS_SHARED_CREDENTIALS_FILE names cannot be read');
	}
};

/** The settings of one section: `[name]`, then lines of `key = value`. */
const sectionOf = (text: string, name: string): ReadonlyMap<string, string> => {
	const settings = new Map<string, string>();
	let inside = false;
	for (const line of text.split(/\r?\n/)) {
		const [, title] = /^\s*\[\s*(.*?)\s*\]\s*$/.exec(line) ?? [];
		if (title !== undefined) inside = title === name;
		const [, key, value] = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
		if (inside && key !== undefined && value !== undefined) settings.set(key, value);
	}
	return settings;
};

type Environment = Readonly<Record<string, string | undefined>>;

const given = (environment: Environment) => {
	const { AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: profile = 'default' } = environment;
	if ((environment.AWS_ACCESS_KEY_ID ?? '') !== '' || file === undefined)
		return {
			id: environment.AWS_ACCESS_KEY_ID,
			secret: environment.AWS_SECRET_ACCESS_KEY,
			session: environment.AWS_SESSION_TOKEN,
		};
	const section = sectionOf(textOf(file), profile);
	return {
		id: section.get('aws_access_key_id'),
		secret: section.get('aws_secret_access_key'),
		session: section.get('aws_session_token'),
	};
};

/**
 * Credentials from the variables that the tools of AWS read, or from a file in their format that `AWS_SHARED_CREDENTIALS_FILE` names. Throws
 * RefusedError 'misuse', which repeats none of them, where there are none, and for temporary ones: their token would have to be signed and renewed.
 */
export const readCredentials = (environment: Environment = process.env): S3Credentials => {
	const { id = '', secret = '', session } = given(environment);
	if (id.trim() === '' || secret.trim() === '') return refuse('there are no credentials for S3');
	if (session !== undefined && session !== '') return refuse('temporary credentials for S3 are not supported');
	return { accessKeyId: id.trim(), secretAccessKey: secret.trim() };
};
