import { join } from 'node:path';
import type { SweptBlobs } from './blobs.ts';
import { openDiskBlobs } from './diskBlobs.ts';
import { openS3Blobs, type S3Source } from './s3Blobs.ts';
import type { S3Handling, S3Place } from './s3Bucket.ts';
import { readCredentials } from './s3Credentials.ts';

/** Where blobs are, in a form that another process can be told. It holds no secrets: those are in the environment. */
export type BlobSource = { readonly kind: 'disk'; readonly folder: string } | S3Source;

/** Where the blobs of all programs are to be, and how many bytes of copies of them each program may have here. */
export type S3Options = S3Place & { readonly cacheBytes: number };

/** Opens them; how a store elsewhere is asked, where they are in one. */
export const openBlobs = async (source: BlobSource, handling?: S3Handling): Promise<SweptBlobs> =>
	source.kind === 'disk' ? openDiskBlobs(source.folder) : openS3Blobs(source, readCredentials(), handling);

/** What the folders and objects of one program begin with. */
export const shortName = (fingerprint: string): string => fingerprint.slice(0, 16);

/** The blobs of one program below the prefix, with copies in a folder of its own below `data`. */
export const s3Source = ({ prefix, ...options }: S3Options, fingerprint: string, data: string): BlobSource => {
	const own = shortName(fingerprint);
	return { kind: 's3', ...options, prefix: prefix === '' ? own : `${prefix}/${own}`, cache: join(data, own, 'cache') };
};
