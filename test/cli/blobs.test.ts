import { Command } from 'commander';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { addBlobOptions, type BlobArguments, s3Of } from '../../cli/blobs.ts';

/** Where blobs are to be by such a command line, in an environment that says nothing of it. */
const read = (...args: readonly string[]) => {
	const command = addBlobOptions(new Command())
		.exitOverride()
		.configureOutput({ writeErr: () => {} });
	command.parse([...args], { from: 'user' });
	return s3Of(command.opts<BlobArguments>());
};

test.before(() => {
	for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_REGION']) delete process.env[name];
});

test('blobs are in the data folder, or in a bucket below a prefix', () => {
	assert.is(read(), undefined);
	const aws = { region: 'us-east-1', endpoint: 'https://s3.us-east-1.amazonaws.com', cacheBytes: 10e9 };
	assert.equal(read('--blobs', 's3://keys'), { ...aws, bucket: 'keys', prefix: '' });
	assert.equal(read('--blobs', 's3://keys/'), { ...aws, bucket: 'keys', prefix: '' });
	const other = ['--s3-endpoint', 'http://host:9000', '--s3-region', 'auto', '--s3-cache', '1MB'];
	assert.equal(read('--blobs', 's3://keys/a/b/', ...other), {
		...{ bucket: 'keys', prefix: 'a/b', endpoint: 'http://host:9000' },
		...{ region: 'auto', cacheBytes: 1e6 },
	});
});

test('what is no bucket and no address is refused', () => {
	for (const address of ['keys', 's3:keys', 's3://', 's3:///a', 'https://host/keys'])
		assert.throws(() => read('--blobs', address), /s3:\/\/bucket\/prefix/, address);
	assert.throws(() => read('--blobs', 's3://keys', '--s3-endpoint', 'host'), /takes an address/);
});

test.run();
