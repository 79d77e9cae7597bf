import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ClearBackend, type ClearCiphertext } from '../../runtime/backends/clear.ts';
import { SimulateBackend } from '../../runtime/backends/simulate.ts';
import { everyKey, maxDifference, refusalOf, rootMeanSquare, SCALE, SMALL, sampleOf } from './support.ts';

const keys = everyKey(SMALL, 1);
const x = sampleOf(2048);

for (const make of [() => new ClearBackend(SMALL, keys), () => new SimulateBackend(SMALL, keys, 5)]) {
	const { name } = make();

	test(`${name} refuses what CKKS cannot do`, () => {
		const backend = make();
		const misused = (f: () => unknown): void => assert.is(refusalOf(f), 'misuse', f.toString());
		const a = backend.encrypt(x, 1, SCALE);
		const low = backend.modSwitch(a, 0);
		const other = backend.encrypt(x, 1, SCALE * 1.01);
		const product = backend.multiply(a, a);
		const zero = backend.encode(new Float64Array(2048), 1, SCALE);
		const lowPlain = backend.encode(x, 0, SCALE);
		misused(() => backend.add(a, low));
		misused(() => backend.add(a, other));
		misused(() => backend.add(a, product));
		misused(() => backend.subtract(a, a));
		misused(() => backend.addPlain(a, lowPlain));
		misused(() => backend.multiplyPlain(a, lowPlain));
		misused(() => backend.multiplyPlain(a, zero));
		misused(() => backend.multiply(product, a));
		misused(() => backend.multiply(low, low) && backend.multiplyPlain(backend.multiply(low, low), lowPlain));
		misused(() => backend.rotate(product, 1));
		misused(() => backend.rotate(a, 2));
		misused(() => backend.rotate(a, 0));
		misused(() => backend.relinearize(a));
		misused(() => backend.rescale(low));
		misused(() => backend.modSwitch(low, 1));
		misused(() => backend.modSwitch(a, 1));
		misused(() => backend.encode(x.with(0, Number.NaN), 1, SCALE));
		misused(() => backend.encode(x, 2, SCALE));
		misused(() => backend.encode(x.subarray(1), 1, SCALE));
		misused(() =>
			backend.encode(
				x.map(() => 1000),
				0,
				SCALE,
			),
		);
		misused(() => backend.encode(x, 0, 2 ** 40));
		misused(() => new ClearBackend(SMALL, { steps: [] }).relinearize(product));
		backend.dispose(a);
		misused(() => backend.add(a, a));
		misused(() => backend.dispose(a));
	});
}

test('the simulated noise depends on the seed and on nothing else', () => {
	const run = (seed: number): Float64Array => {
		const backend = new SimulateBackend(SMALL, keys, seed);
		return backend.decrypt(backend.rotate(backend.encrypt(x, 1, SCALE), 1));
	};
	assert.equal(run(3), run(3));
	assert.ok(rootMeanSquare(run(3), run(4)) > 0);
	const shifted = x.map((_, t) => x[(t + 1) % 2048] as number);
	assert.ok(maxDifference(run(3), shifted) < 1e-3);
});

test('a key switches no ciphertext above the level it serves', () => {
	const needs = { relinearization: 0, steps: [{ step: 1, level: 0 }] };
	for (const backend of [new ClearBackend(SMALL, needs), new SimulateBackend(SMALL, needs, 5)]) {
		const [high, low] = [1, 0].map((level) => backend.encrypt(x, level, 2 ** 14)) as [ClearCiphertext, ClearCiphertext];
		for (const compute of [() => backend.rotate(high, 1), () => backend.relinearize(backend.multiply(high, high))])
			assert.is(refusalOf(compute), 'misuse');
		assert.is(backend.rotate(low, 1).shape.level, 0);
		assert.is(backend.relinearize(backend.multiply(low, low)).shape.size, 2);
	}
});

test('a rotation by -1 is the rotation by n - 1', () => {
	const backend = new ClearBackend(SMALL, { steps: [{ step: -1, level: 1 }] });
	const a = backend.encrypt(x, 1, SCALE);
	assert.equal(backend.decrypt(backend.rotate(a, 2047)), backend.decrypt(backend.rotate(a, -1)));
	assert.is(backend.decrypt(backend.rotate(a, -1))[0], x[2047]);
});

test.run();
