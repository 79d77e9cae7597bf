import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { proxies } from '../../cli/proxies.ts';
import { makeApp } from '../../runtime/service/app.ts';
import { manualQueue, memoryBlobs, memoryKeys, served } from './fakes.ts';

/** The statuses of two requests, which is one more than an address may send. */
const twice = async (trustProxy: readonly string[] | undefined, from: readonly (readonly [string, string])[]) => {
	const stores = { queue: manualQueue(), blobs: memoryBlobs(), keys: memoryKeys() };
	const limits = { addressRequestsPerMinute: 1 };
	const app = await makeApp({ program: served, ...stores, limits, trustProxy });
	const statuses: number[] = [];
	for (const [remoteAddress, forwarded] of from) {
		const headers = { 'x-forwarded-for': forwarded };
		statuses.push((await app.inject({ url: '/v1/model', remoteAddress, headers })).statusCode);
	}
	await app.close();
	return statuses;
};

test('behind a proxy that is trusted, limits are those of the client that it names, and of nobody whom a client names', async () => {
	const proxy = proxies('10.0.0.0/8, ::1');
	const [clients, lies] = [
		[['10.1.2.3', '198.51.100.1'] as const, ['10.1.2.3', '198.51.100.2'] as const],
		[['10.1.2.3', '1.1.1.1, 198.51.100.1'] as const, ['10.1.2.3', '2.2.2.2, 198.51.100.1'] as const],
	];
	assert.equal(await twice(proxy, clients), [200, 200]);
	assert.equal(await twice(proxy, lies), [200, 429]);
	assert.equal(await twice(undefined, clients), [200, 429], 'no proxy is trusted');
	const others = clients.map(([, forwarded]) => ['192.0.2.7', forwarded] as const);
	assert.equal(await twice(proxy, others), [200, 429], 'not this one');
});

test('proxies are addresses and networks', () => {
	assert.equal(proxies('127.0.0.1'), ['127.0.0.1']);
	for (const wrong of ['', '1', 'true', 'host', '10.0.0.0/33', '::1/129', '10.0.0.0/0', '10.0.0.0/', '1.2.3.4,,']) {
		assert.throws(() => proxies(wrong), /addresses/, wrong);
	}
});

test.run();
