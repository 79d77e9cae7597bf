import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RefusedError } from '../errors.ts';
import { unlessMissing, writeDurably } from './files.ts';
import { openBucket, type S3Handling, type S3Place } from './s3Bucket.ts';
import { readCredentials, type S3Credentials } from './s3Credentials.ts';

/** The object that says whose a prefix is. */
const OWNER = 'owner';
const MOST_BYTES = 100;

const textOf = async (content: AsyncIterable<Uint8Array>): Promise<string> => {
	const chunks: Uint8Array[] = [];
	let bytes = 0;
	for await (const chunk of content) {
		chunks.push(chunk);
		bytes += chunk.length;
		if (bytes > MOST_BYTES) break;
	}
	return Buffer.concat(chunks).toString('utf8', 0, MOST_BYTES);
};

/**
 * Makes the objects of a prefix those of a data folder, whose lock this process has: a service removes what its books do not name, so two of them
 * with books of their own would remove each other's. Throws RefusedError 'misuse' where they are another folder's, and 'stopped' where the
 * store fails. Of two that are the first at the same moment both may think that they are it.
 */
export const claimPrefix = async (
	place: S3Place,
	folder: string,
	credentials: S3Credentials = readCredentials(),
	handling?: S3Handling,
): Promise<void> => {
	const bucket = openBucket(place, credentials, handling);
	const path = join(folder, OWNER);
	if ((await unlessMissing(readFile(path))) === undefined) await writeDurably(path, randomUUID());
	const own = await readFile(path, 'utf8');
	const owner = await bucket.download(OWNER, textOf);
	if (owner === undefined) return bucket.upload(OWNER, path);
	if (owner !== own)
		throw new RefusedError(
			'misuse',
			`the objects of ${place.bucket} below ${place.prefix} are those of a service with another data folder`,
			`Give this one another prefix; if that folder is gone for good, delete the object ${place.prefix}/${OWNER}.`,
		);
};
