/**
 * A service in a process of its own: the plugin with stores on disk and one evaluator. Prints a line with its address to stdout, the log of
 * its requests to stderr; ends at SIGTERM.
 *
 *     node test/slow/servedProcess.ts <build> <data folder> <tokens file>
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fastify } from 'fastify';
import { readHalves } from '../../runtime/buildFolder.ts';
import { openDiskBlobs } from '../../runtime/service/diskBlobs.ts';
import { startEvaluator } from '../../runtime/service/evaluator.ts';
import { readServed, readTokens, service } from '../../runtime/service/index.ts';
import { openKeyStore } from '../../runtime/service/keySets.ts';
import { openLocalQueue } from '../../runtime/service/localQueue.ts';

const [build = '', data = '', tokenFile = ''] = process.argv.slice(2);
const folder = join(data, 'blobs');
const blobs = await openDiskBlobs(folder);
const { server: program } = readHalves(build);
const quota = { ownerBytes: 1e9, totalBytes: 2e9, ttlMs: 3_600_000 };
const keys = await openKeyStore({ program, blobs, folder: join(data, 'keys'), ...quota });
const evaluator = startEvaluator({ build, blobs: { kind: 'disk', folder } });
await evaluator.started;
const queue = await openLocalQueue({ evaluators: [evaluator], blobs, keys, folder: join(data, 'jobs') });
const app = fastify({ logger: { level: 'info', stream: process.stderr }, forceCloseConnections: true });
const tokens = readTokens(readFileSync(tokenFile, 'utf8'));
const limits = { requestsPerMinute: 1e6, addressRequestsPerMinute: 1e6, idleMs: 500 };
await app.register(service, { program: readServed(build), queue, blobs, keys, tokens, limits });
process.once('SIGTERM', async () => {
	await app.close();
	await queue.close(1000);
});
console.log(await app.listen({ host: '127.0.0.1', port: 0 }));
