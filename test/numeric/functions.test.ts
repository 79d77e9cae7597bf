import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { erf, gelu, geluTanh, relu, sigmoid, silu } from '../../compiler/numeric/functions.ts';

test('erf agrees with tabulated values (Abramowitz and Stegun, table 7.1) to 1e-10', () => {
	const table = [
		[0, 0],
		[0.1, 0.112462916],
		[0.5, 0.5204998778],
		[1, 0.8427007929],
		[1.5, 0.9661051465],
		[2, 0.995322265],
	] as const;
	for (const [x, value] of table) {
		assert.ok(Math.abs(erf(x) - value) < 6e-10, `erf(${x})`);
		assert.is(erf(-x), -erf(x));
	}
});

test('erf agrees with the integral of its density by Simpson on [0, x]', () => {
	for (const x of [0.3, 2.7, 4.5, 5.9, 6.1, 20]) {
		const steps = 20_000;
		const width = Math.min(x, 10) / steps;
		let sum = 0;
		for (let i = 0; i <= steps; i++)
			sum += (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp(-((i * width) ** 2));
		assert.ok(Math.abs(erf(x) - (2 / Math.sqrt(Math.PI)) * (width / 3) * sum) < 1e-12, `erf(${x})`);
	}
});

test('the activations have their known values and symmetries', () => {
	assert.equal([relu(-3), relu(0), relu(2.5)], [0, 0, 2.5]);
	assert.is(sigmoid(0), 0.5);
	assert.is(sigmoid(1000), 1);
	assert.is(sigmoid(-1000), 0);
	for (const x of [0.1, 1, 3, 8]) {
		assert.ok(Math.abs(sigmoid(x) - (1 + Math.tanh(x / 2)) / 2) < 1e-15);
		assert.ok(Math.abs(sigmoid(-x) - (1 - Math.tanh(x / 2)) / 2) < 1e-15);
		assert.ok(Math.abs(silu(x) - silu(-x) - x) < 1e-14);
		assert.ok(Math.abs(gelu(x) - gelu(-x) - x) < 1e-14);
		assert.ok(Math.abs(geluTanh(x) - gelu(x)) < 5e-4);
	}
	assert.ok(Math.abs(gelu(1) - 0.8413447460685429) < 1e-14);
});

test.run();
