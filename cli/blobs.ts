import { type Command, InvalidArgumentError, Option } from 'commander';
import type { S3Options } from '../runtime/service/blobSource.ts';
import { UsageError } from './errors.ts';
import { byteCount } from './options.ts';

/** Options of what stores keys, inputs and outputs elsewhere than in a folder. */
export type BlobArguments = {
	readonly blobs?: Pick<S3Options, 'bucket' | 'prefix'>;
	readonly s3Endpoint?: string;
	readonly s3Region: string;
	readonly s3Cache: number;
};

/** s3://bucket or s3://bucket/some/prefix. */
const s3Address = (text: string): Pick<S3Options, 'bucket' | 'prefix'> => {
	const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*?))?\/?$/.exec(text) ?? [];
	if (bucket === undefined) throw new InvalidArgumentError('It takes the form s3://bucket/prefix.');
	return { bucket, prefix };
};

export const addBlobOptions = (command: Command): Command =>
	command
		.option('--blobs <s3://bucket/prefix>', 'keys, inputs and outputs in S3; credentials as AWS_...', s3Address)
		.addOption(
			new Option('--s3-endpoint <url>', 'of a store that is not AWS, as https://host:9000').env('AWS_ENDPOINT_URL_S3'),
		)
		.addOption(new Option('--s3-region <name>', 'region of the bucket').env('AWS_REGION').default('us-east-1'))
		.option('--s3-cache <bytes>', 'copies of blobs in the data folder', byteCount, 10e9);

/** Where blobs are to be; undefined for the data folder. */
export const s3Of = ({ blobs, s3Endpoint, s3Region, s3Cache }: BlobArguments): S3Options | undefined => {
	if (blobs === undefined) return undefined;
	const endpoint = s3Endpoint ?? `https://s3.${s3Region}.amazonaws.com`;
	if (!URL.canParse(endpoint)) throw new UsageError('--s3-endpoint takes an address, as https://host:9000.');
	return { ...blobs, endpoint, region: s3Region, cacheBytes: s3Cache };
};
