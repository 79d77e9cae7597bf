import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { RefusedError } from '../runtime/errors.ts';
import type { Output } from './output.ts';
import { readFile } from './readFile.ts';

/** Where the passphrase of a secret key file comes from: a file, or else the person at the terminal. Never an argument: others see those. */
export type PassphraseSource = { readonly passphraseFile?: string };

const LEAST = 8;
const MOST_BYTES = 4096;

/** The first line of the file. */
const fromFile = (path: string): string => {
	const [line = ''] = new TextDecoder().decode(readFile(path, MOST_BYTES)).split(/\r?\n/, 1);
	if (line === '') throw new RefusedError('keys', `the first line of ${path} is empty, and no passphrase`);
	return line;
};

/** A line typed without being shown. */
const fromTerminal = async (question: string, output: Pick<Output, 'settle'>): Promise<string> => {
	if (process.stdin.isTTY !== true)
		throw new RefusedError(
			'keys',
			'a passphrase is needed, and there is no terminal to ask at',
			'Give a file with --passphrase-file.',
		);
	output.settle();
	const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
	const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
	const stop = new AbortController();
	lines.on('SIGINT', () => stop.abort()).on('close', () => stop.abort());
	process.stderr.write(question);
	try {
		return await lines.question('', { signal: stop.signal });
	} catch {
		throw new RefusedError('aborted', 'no passphrase was given');
	} finally {
		process.stderr.write('\n');
		lines.close();
	}
};

/** The passphrase of a file that is there. */
export const passphraseFor = async (
	question: string,
	{ passphraseFile }: PassphraseSource,
	output: Pick<Output, 'settle'>,
): Promise<string> => (passphraseFile === undefined ? fromTerminal(question, output) : fromFile(passphraseFile));

/** The passphrase for a file that is to be made: at least 8 characters, typed twice. */
export const newPassphrase = async (
	path: string,
	source: PassphraseSource,
	output: Pick<Output, 'settle'>,
): Promise<string> => {
	const passphrase = await passphraseFor(`Passphrase for ${path}: `, source, output);
	if ([...passphrase].length < LEAST)
		throw new RefusedError(
			'keys',
			`a passphrase of fewer than ${LEAST} characters is guessed too soon`,
			'Use some words.',
		);
	if (source.passphraseFile === undefined && (await fromTerminal('The same again: ', output)) !== passphrase)
		throw new RefusedError('keys', 'the two passphrases differ', 'Nothing was written.');
	return passphrase;
};
