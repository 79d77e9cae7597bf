import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { whyOf } from '../../compiler/ckks/explain.ts';
import { ParameterSolver, type Requirements } from '../../compiler/ckks/parameters.ts';
import { SlotBuilder, type SlotCircuit } from '../../compiler/slots/circuit.ts';
import { plain, requirementsFor } from './support.ts';

const slots = 16;

/** Pairs of a linear layer and a square, each with its own name. */
const layers = (count: number): SlotCircuit => {
	const builder = new SlotBuilder(slots);
	let value = builder.input('x', 0);
	for (let k = 1; k <= count; k++) {
		builder.origin = `linear ${k}`;
		const product = builder.multiplyPlain(value, plain(slots, k));
		value = builder.add(product, builder.rotate(product, 1));
		builder.origin = `square ${k}`;
		value = builder.multiply(value, value);
	}
	return builder.build([{ name: 'y', parts: [value] }]);
};

const requirements = (circuit: SlotCircuit, ringDegree: number, precision: number): Requirements =>
	requirementsFor(circuit, { ringDegree, security: 128, precision });

test('the modulus is told apart by purpose: its parts add up, and every layer with products is in one of them', () => {
	const circuit = layers(3);
	const solution = new ParameterSolver(circuit, requirements(circuit, 16384, 10)).solve();
	assert.ok(solution);
	if (solution === undefined) return;
	const { base, divided, special, used, limit } = solution.modulus;
	const { primes, specialPrime } = solution.circuit.parameters;
	const sum = base.bits + special + divided.reduce((bits, part) => bits + part.bits, 0);
	assert.ok(Math.abs(sum - used) < 0.5 && used <= limit, `${sum} ${used} ${limit}`);
	assert.ok(Math.abs(special - Math.log2(specialPrime)) < 0.1);
	assert.is(base.primes + divided.length, primes.length);
	divided.forEach(({ bits, level }) => {
		assert.ok(Math.abs(bits - Math.log2(primes[level] as number)) < 0.1);
	});
	const named = [...divided.flatMap(({ products }) => products), ...base.products];
	assert.equal(
		named.toSorted(),
		circuit.ops
			.map(({ origin }) => origin)
			.filter((o, k, all) => o !== '' && all.indexOf(o) === k)
			.toSorted(),
	);
	assert.is(named[0], 'linear 1');
	assert.is(base.products.at(-1), 'square 3');
	assert.ok(base.valueBits + base.scaleBits < base.bits, 'the value that asks most fits below half the modulus');
});

test('too many products in a row: the cause is the depth, and as many as would fit do fit', () => {
	const circuit = layers(5);
	const miss = new ParameterSolver(circuit, requirements(circuit, 4096, 10)).miss();
	assert.is(miss.cause, 'depth');
	assert.is(miss.limit, 106);
	assert.ok((miss.missing ?? 0) > 100, `${miss.missing}`);
	assert.is(miss.depth?.products, 10);
	assert.equal(miss.remedies, []);
});

test('too much precision: the option that would do is the most precise one that does', () => {
	const circuit = layers(1);
	const wanted = 30;
	const miss = new ParameterSolver(circuit, requirements(circuit, 4096, wanted)).miss();
	assert.is(miss.cause, 'precision');
	const option = miss.remedies.find((remedy) => remedy.option.startsWith('--precision '))?.option ?? '';
	const less = Number(option.slice('--precision '.length));
	assert.ok(less >= 4 && less < wanted, option);
	const solvable = (precision: number): boolean =>
		new ParameterSolver(circuit, requirements(circuit, 4096, precision)).solve() !== undefined;
	assert.ok(solvable(less));
	assert.not(solvable(less + 1));
});

test('too large values: the cause is their magnitude', () => {
	const circuit = layers(1);
	const usual = requirements(circuit, 4096, 6);
	const huge = { sound: () => new Float64Array(circuit.ops.length).fill(2 ** 60) };
	assert.ok(new ParameterSolver(circuit, usual).solve());
	const solver = new ParameterSolver(circuit, { ...usual, magnitudes: huge });
	assert.is(solver.solve(), undefined);
	const miss = solver.miss();
	assert.is(miss.cause, 'magnitude');
	assert.ok((miss.missing ?? 0) > 20 && (miss.missing ?? 0) < 70, `${miss.missing}`);
});

test('the words name the layers, the ring degree that was missed and the option that was tried', () => {
	const circuit = layers(1);
	const solution = new ParameterSolver(circuit, requirements(circuit, 8192, 25)).solve();
	assert.ok(solution);
	if (solution === undefined) return;
	const smaller = { ...new ParameterSolver(circuit, requirements(circuit, 4096, 25)).miss(), batch: 1 };
	const text = whyOf(solution.modulus, solution.circuit.parameters, smaller).text.join('\n');
	for (const part of ['square 1', 'N = 8192', 'N = 4096 does not do', ...smaller.remedies.map(({ option }) => option)])
		assert.ok(text.includes(part), `${part} in\n${text}`);
});

test.run();
