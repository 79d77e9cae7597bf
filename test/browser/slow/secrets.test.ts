import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readModel, readSamples } from '../../../cli/model.ts';
import { compile } from '../../../compiler/index.ts';
import { createClient } from '../../../runtime/client.ts';
import { keySetOf, needlesOf, replay, seedOf } from './secrets.ts';

const folder = join(import.meta.dirname, '..', '..', '..', 'models', 'breast-cancer-logistic');
const ports = [{ name: 'features', shape: [1, 30] }];
const calibration = readSamples([join(folder, 'model.calibration.npy')], ports);
const program = compile(readModel(join(folder, 'model.onnx')).bytes, { calibration }).program.client;
const [features = new Float64Array(0)] = calibration.get('features') ?? [];

/** A client, and what it draws while it is used. */
const watched = async () => {
	const draws: Uint8Array[] = [];
	const original = globalThis.crypto.getRandomValues;
	const kept: typeof original = (view) => {
		original.call(globalThis.crypto, view);
		draws.push(new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice());
		return view;
	};
	globalThis.crypto.getRandomValues = kept;
	const client = await createClient(program);
	const setUp = draws.length;
	const sent = [await client.evaluationKeys(), await client.encrypt({ features })];
	globalThis.crypto.getRandomValues = original;
	return { sent, setUp, program, draws, exported: await client.exportSecretKey() };
};
const secrets = await watched();
const needles = needlesOf([secrets]);

const [prime = 0] = program.parameters.primes;
const words = Array.from({ length: program.parameters.ringDegree }, (_, i) =>
	Buffer.from(secrets.exported).subarray(160 + 8 * i, 168 + 8 * i),
);
const residueOf = (word: Buffer): number => Number(word.readBigUInt64LE());

/** Three residues in a row of which each is above half of the prime. */
const above = words.findIndex((_, i) => words.slice(i, i + 3).every((word) => residueOf(word) > prime / 2));

/** These residues, each as this makes it, among other bytes. */
const among = (from: number, count: number, bytes: (word: Buffer) => Uint8Array): Buffer =>
	Buffer.concat([randomBytes(1001), ...words.slice(from, from + count).map(bytes), randomBytes(99)]);

const float64 = (value: number): Uint8Array => {
	const bytes = Buffer.alloc(8);
	bytes.writeDoubleLE(value);
	return bytes;
};

test('a key is found in every form that residues have here', () => {
	const fewest = Math.ceil(Math.log2(prime) / 8);
	assert.match(needles.find(secrets.exported) ?? '', 'residues of 8 bytes');
	for (let width = fewest; width <= 8; width++)
		assert.is(needles.find(among(100, 5, (word) => word.subarray(0, width))), `secret key, residues of ${width} bytes`);
	const float = needles.find(among(above, 3, (word) => float64(residueOf(word))));
	assert.is(float, 'secret key, residues as float64');
	const balanced = needles.find(among(above, 3, (word) => float64(residueOf(word) - prime)));
	assert.is(balanced, 'secret key, balanced residues as float64');
});

test('so is what it was drawn from, but for the name of the key set; what is sent has neither', () => {
	const seed = seedOf(secrets);
	assert.is(seed.length, 64);
	assert.is(needles.find(Buffer.from(seed.toString('hex'))), 'what the key was drawn from');
	assert.is(needles.find(seed.swap32().swap64()), 'what the key was drawn from');
	assert.is(secrets.draws.filter((draw) => keySetOf(secrets.exported).equals(draw)).length, 1);
	for (const message of secrets.sent) assert.is(needles.find(message), undefined);
});

test('the same draws make the same key, and one bit more another', async () => {
	const draws = secrets.draws.slice(0, secrets.setUp);
	assert.ok(Buffer.from(await replay(program, draws)).equals(secrets.exported));
	const at = draws.findIndex((draw) => seedOf(secrets).subarray(0, 4).equals(draw));
	const other = await replay(program, draws.map((draw, i) => (i === at ? draw.map((byte) => byte ^ 1) : draw))); // biome-ignore format: one thought
	assert.is(needles.find(other), undefined);
});

test.run();
