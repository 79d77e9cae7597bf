import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ClearBackend, type ClearCiphertext } from '../../runtime/backends/clear.ts';
import { SimulateBackend } from '../../runtime/backends/simulate.ts';
import { createClient } from '../../runtime/client.ts';
import { LocalEvaluator } from '../../runtime/local.ts';
import { createServer } from '../../runtime/server.ts';
import { everyKey, makeProgram, maxDifference, refusalOf, SCALE, SMALL } from './support.ts';

const SLOTS = SMALL.ringDegree / 2;
const [q0, q1] = SMALL.primes as [number, number];
const filled = (value: number): Float64Array => new Float64Array(SLOTS).fill(value);

/** x^2, rescaled. It fits below q0 / 2 at the scale SCALE^2 / q1: about 512. */
const SQUARE_SCALE = SCALE ** 2 / q1;
const square = makeProgram({
	inputs: [{ shape: [SLOTS], range: [-30, 30] }],
	keys: { relinearization: 1 },
	instructions: [
		{ op: 'input', to: 0, input: 0, part: 0 },
		{ op: 'multiply', to: 0, a: 0, b: 0 },
		{ op: 'relinearize', to: 0, a: 0 },
		{ op: 'rescale', to: 0, a: 0 },
		{ op: 'output', a: 0, output: 0, part: 0 },
	],
	outputs: [{ level: 0, scale: SQUARE_SCALE }],
});
const limit = Math.sqrt(q0 / 2 / SQUARE_SCALE);
const below = filled(0.99 * limit);
const above = filled(1.01 * limit);

for (const backend of ['clear', 'simulate'] as const) {
	test(`${backend} refuses a program whose values wrap around the modulus, and runs it just below`, () => {
		const evaluator = new LocalEvaluator(square, backend);
		const [fits] = evaluator.run([{ x0: below }]);
		assert.ok(maxDifference(fits?.outputs.get('y0')?.data ?? [], filled((0.99 * limit) ** 2)) < 0.5);
		assert.is(
			refusalOf(() => evaluator.run([{ x0: above }])),
			'input',
		);
		assert.throws(() => evaluator.run([{ x0: above }]), /leaves the modulus: .* level 1 .* calibration data/);
	});
}

test('SEAL wraps around just where clear and simulate refuse', async () => {
	const client = await createClient(square.client);
	const server = await createServer(square.server, square.constants);
	await server.loadKeys(await client.evaluationKeys());
	const run = async (x0: Float64Array): Promise<ArrayLike<number>> =>
		(await client.decrypt(await server.evaluate(await client.encrypt({ x0 })))).outputs.get('y0')?.data ?? [];
	assert.ok(maxDifference(await run(below), filled((0.99 * limit) ** 2)) < 0.5);
	// One modulus too low, in every slot.
	assert.ok(maxDifference(await run(above), filled((1.01 * limit) ** 2 - q0 / SQUARE_SCALE)) < 0.5);
	client.dispose();
	await server.dispose();
});

const keys = everyKey(SMALL, 1);
for (const make of [() => new ClearBackend(SMALL, keys), () => new SimulateBackend(SMALL, keys, 5)]) {
	test(`${make().name} finds values beyond the modulus after every operation that can cause them`, () => {
		const backend = make();
		const refused = (compute: () => ClearCiphertext): void => {
			const { live } = backend;
			assert.is(refusalOf(compute), 'input', compute.toString());
			assert.is(backend.live, live, 'a refusal leaves no handle');
		};
		// Level 1 holds 2^33 at SCALE, level 0 holds 2^9.
		const a = backend.encrypt(filled(2 ** 8.5), 0, SCALE);
		const minus = backend.negate(a);
		const plain = backend.encode(filled(2 ** 8.5), 0, SCALE);
		refused(() => backend.add(a, a));
		refused(() => backend.subtract(a, minus));
		refused(() => backend.addPlain(a, plain));
		const high = backend.encrypt(filled(2 ** 10), 1, SCALE);
		refused(() => backend.modSwitch(high, 0));
		refused(() => backend.multiply(high, high));
		const highPlain = backend.encode(filled(2 ** 10), 1, SCALE);
		refused(() => backend.multiplyPlain(high, highPlain));
		// What cancels, and what fits a level, is fine.
		assert.ok(maxDifference(backend.decrypt(backend.add(a, minus)), filled(0)) < 1e-2);
		assert.ok(maxDifference(backend.decrypt(backend.add(high, high)), filled(2 ** 11)) < 1e-2);
		assert.ok(maxDifference(backend.decrypt(backend.rotate(a, 1)), filled(2 ** 8.5)) < 1e-1);
	});
}

test('large values in few slots fit, since coefficients only know their mean', () => {
	const backend = new ClearBackend(SMALL, keys);
	const a = backend.encrypt(filled(0).with(5, 2 ** 15), 0, SCALE);
	assert.is(backend.decrypt(backend.add(a, a))[5], 2 ** 16);
});

test('long sums whose terms cancel fit as long as the sums do', () => {
	const backend = new ClearBackend(SMALL, keys);
	const a = backend.encrypt(filled(2 ** 8), 0, SCALE);
	const minus = backend.negate(a);
	let sum = a;
	for (let i = 0; i < 50; i++) sum = backend.add(sum, i % 2 === 0 ? minus : a);
	assert.equal(backend.decrypt(sum), filled(2 ** 8));
	assert.is(
		refusalOf(() => backend.add(sum, a)),
		'input',
	);
});

test.run();
