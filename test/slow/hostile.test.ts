import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Result } from '../../runtime/client.ts';
import { connect } from '../../runtime/remote/index.ts';
import { modelOf } from '../remote/model.ts';
import { type BadKind, badKinds, sendBad, slowKinds } from './badRequests.ts';
import { serve, TOKENS } from './serve.ts';

/** A service under bad requests, with good ones in between: all good ones are answered right, all bad ones refused. */
const REQUESTS = 10_000;
const AT_ONCE = 16;
const ROUND = 500;
/** Of so many, one is slow; of these, one in so many within its head, which takes ten seconds. */
const SLOW_EVERY = 250;
const SLOW_HEADS = 20;
/** What the service may grow by once it has seen as many requests as come before the first good one. */
const MOST_GROWTH = 150e6;
/** Whom the answer says that all places are taken has been refused as well. */
const BUSY = 503;

/** The bytes of all files below a folder, by name; those that go meanwhile are left out. */
const filesBelow = (folder: string): ReadonlyMap<string, Buffer> => {
	const files = new Map<string, Buffer>();
	for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
		const path = join(entry.parentPath, entry.name);
		try {
			if (entry.isFile()) files.set(path, readFileSync(path));
		} catch {}
	}
	return files;
};

const bytesOf = (numbers: Float64Array | Float32Array): Buffer =>
	Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);

/** What numbers look like in memory, single or two of them, and as text. */
const looksOf = (numbers: Float64Array): readonly Buffer[] => {
	const telling = [...numbers].filter((value) => String(value).length > 8);
	return telling.flatMap((value, i) => [
		Buffer.from(String(value)),
		bytesOf(Float64Array.of(value)),
		bytesOf(Float32Array.of(value, telling[i + 1] ?? value)),
	]);
};

/** Pieces of a secret key behind the head, which says what the server knows: as they are, and as text. */
const piecesOf = (secretKey: Buffer): readonly Buffer[] =>
	[501, 5001, 20_001].flatMap((at) => {
		const piece = secretKey.subarray(at, at + 33);
		return [piece, Buffer.from(piece.toString('hex')), Buffer.from(piece.toString('base64'))];
	});

test('bad requests are refused, good ones in between are answered right, and nothing private is stored or logged', async () => {
	const { compiled, sampleOf, errorOf } = modelOf('breast-cancer-logistic');
	const served = await serve(compiled, '--idle', '1');
	try {
		let usedId = '';
		const spy: typeof fetch = (target, init) => {
			usedId = new Headers(init?.headers).get('idempotency-key') ?? usedId;
			return fetch(target, init);
		};
		const remote = await connect(served.url, { token: TOKENS[0], fetch: spy });
		const secretKey = Buffer.from(await remote.client.exportSecretKey());
		const markers = [...TOKENS.map((token) => Buffer.from(token)), ...piecesOf(secretKey)];
		const good = async (k: number): Promise<Result> => {
			const result = await remote.infer(sampleOf(k));
			assert.ok(errorOf(result, k) <= 1, `${errorOf(result, k)} of the predicted error after ${k} rounds`);
			const [inputs] = sampleOf(k).values();
			for (const numbers of [inputs, ...[...result.outputs.values()].map(({ raw }) => raw.data)])
				markers.push(...looksOf(Float64Array.from(numbers ?? [])));
			return result;
		};
		/** Whatever was written so far, searched; returns the names of the files. */
		const search = (): readonly string[] => {
			const stored = new Map([...filesBelow(served.data), ['the log', Buffer.from(served.log())]]);
			for (const marker of markers)
				for (const [name, bytes] of stored) assert.not(bytes.includes(marker), `a private value is in ${name}`);
			// What must be there is found in this way.
			const { keySet } = remote.client;
			const found = [...stored].filter(([, bytes]) => bytes.includes(keySet)).map(([name]) => name);
			assert.ok(found.some((name) => name.includes('keys-')));
			return [...stored.keys()];
		};
		await good(0);
		const given = { message: await remote.client.encrypt(sampleOf(0)), keySet: remote.client.keySet, usedId };
		const [kinds, slow] = [badKinds(given), slowKinds(given)];
		const kindOf = (k: number): BadKind | undefined =>
			k % SLOW_EVERY !== 0 ? kinds[k % kinds.length] : slow[(k / SLOW_EVERY) % SLOW_HEADS === 0 ? 1 : 0];
		const counts = new Map<string, number>();
		const searched = new Set<string>();
		let warm = 0;
		for (let sent = 0; sent < REQUESTS; sent += ROUND) {
			let next = sent;
			const sender = async (): Promise<void> => {
				while (next < sent + ROUND) {
					const kind = kindOf(next++);
					if (kind === undefined) throw new Error('there is a kind');
					const status = await sendBad(new URL(served.url), kind.make());
					assert.ok(status === BUSY || kind.statuses.includes(status), `${kind.name}: ${status}`);
					counts.set(`${kind.name}: ${status}`, (counts.get(`${kind.name}: ${status}`) ?? 0) + 1);
				}
			};
			await Promise.all([...Array.from({ length: AT_ONCE }, sender), good(sent / ROUND)]);
			for (const name of search()) searched.add(name);
			warm ||= served.residentBytes();
		}
		assert.ok(served.alive());
		const growth = served.residentBytes() - warm;
		assert.ok(growth < MOST_GROWTH, `grew by ${growth} bytes`);
		for (const { name } of [...kinds, ...slow]) {
			const refused = [...counts].filter(([what]) => what.startsWith(`${name}: `) && !what.endsWith(` ${BUSY}`));
			assert.ok(refused.length > 0, `none of these was refused for what it is: ${name}`);
		}
		for (const place of ['sha256', 'keys-', 'jobs-'])
			assert.ok(
				[...searched].some((name) => name.includes(place)),
				`nothing in ${place}`,
			);
		assert.ok(markers.length > 100 && markers.every((marker) => marker.length >= 8));
		console.log([...counts].map((pair) => pair.join(' x')).join('; '), `grew by ${growth} bytes from ${warm}`);
		await remote.close();
	} finally {
		await served.stop();
	}
});

test.run();
