import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chainOf, demandOf, totalBits } from '../../compiler/ckks/chain.ts';
import { sameScale } from '../../compiler/ckks/circuit.ts';
import { evaluateAll as evaluateCkks } from '../../compiler/ckks/evaluate.ts';
import { lower } from '../../compiler/ckks/lower.ts';
import { ParameterSolver, type Solution } from '../../compiler/ckks/parameters.ts';
import { isPrime } from '../../compiler/ckks/primes.ts';
import { rated } from '../../compiler/ckks/rating.ts';
import { modulusLimit } from '../../compiler/ckks/security.ts';
import { verify } from '../../compiler/ckks/verify.ts';
import { largest } from '../../compiler/numeric/vectors.ts';
import { SlotBuilder, type SlotCircuit } from '../../compiler/slots/circuit.ts';
import { depthOf } from '../../compiler/slots/depths.ts';
import { evaluateAll } from '../../compiler/slots/evaluate.ts';
import { REPEATABLE } from '../tensor/graphs.ts';
import { randomCircuit, requirementsFor, sampleFor } from './support.ts';

const slots = 16;
const RUNS = { ...REPEATABLE, numRuns: 40, includeErrorInReport: true };
const solve = (circuit: SlotCircuit, ringDegree: number, precision: number, security: 128 | 192 | 256 = 128) =>
	new ParameterSolver(circuit, requirementsFor(circuit, { ringDegree, security, precision })).solve();

const bitsOf = fc.record({
	scale: fc.integer({ min: 20, max: 34 }),
	savings: fc.nat(5),
	threshold: fc.constantFrom(0, 0, 10, 20, 40),
});

test('lowering keeps every value, whatever form is rotated: all sums meet at exact scales', () => {
	fc.assert(
		fc.property(randomCircuit(slots, 4), bitsOf, (circuit, { scale, savings, threshold }) => {
			const demand = demandOf(circuit);
			const fixed = { base: [2 ** 50], special: 2 ** 51 };
			const chain = chainOf(demand, { scale, plain: scale - savings, threshold }, fixed, 8192, 128);
			const slotValues = evaluateAll(circuit, sampleFor(slots, 3));
			for (const rotations of ['pending', 'settled'] as const) {
				const lowered = lower(circuit, demand, chain, rotations);
				verify(lowered);
				evaluateCkks(lowered, sampleFor(slots, 3)).forEach((values, id) => {
					const slot = slotValues[lowered.ops[id]?.slot as number] as Float64Array;
					assert.ok(
						values.every((value, t) => Math.abs(value - (slot[t] as number)) <= 1e-9 * Math.max(1, Math.abs(value))),
						`%${id} carries slot value ${lowered.ops[id]?.slot}`,
					);
				});
				// A level for every product but the last.
				const levels = lowered.ops.map((op) => op.level);
				assert.ok(Math.max(...levels) - Math.min(...levels) <= Math.max(0, depthOf(circuit) - 1));
			}
		}),
		{ ...RUNS, numRuns: 200 },
	);
});

test('the chain has distinct primes that are 1 modulo 2N, and scales that are divided by them exactly', () => {
	fc.assert(
		fc.property(
			fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
			bitsOf,
			fc.constantFrom(4096, 16384),
			(squares, { scale, savings, threshold }, ringDegree) => {
				const demand = { depth: squares.length, depths: [], squares: [false, ...squares] };
				const fixed = { base: [97], special: 193 };
				const chain = chainOf(demand, { scale, plain: scale - savings, threshold }, fixed, ringDegree, 128);
				const { primes } = chain.parameters;
				assert.is(new Set(primes).size, primes.length);
				for (const prime of primes.slice(1)) assert.ok(isPrime(prime) && prime % (2 * ringDegree) === 1, String(prime));
				assert.is(chain.levels[0], primes.length - 1);
				assert.is(chain.levels[demand.depth], 0, 'the base prime is left');
				for (let d = 1; d <= demand.depth; d++) {
					const [above, level] = [chain.levels[d - 1] as number, chain.levels[d] as number];
					const [before, after] = [chain.pending[d] as number, chain.settled[d] as number];
					assert.is(above - level, chain.rescaled[d] ? 1 : 0);
					assert.ok(sameScale(before / (chain.rescaled[d] ? (primes[above] as number) : 1), after), `depth ${d}`);
					if (demand.squares[d]) assert.ok(sameScale(before, (chain.settled[d - 1] as number) ** 2));
				}
				assert.not(chain.rescaled[demand.depth], 'the last product is not rescaled');
			},
		),
		{ ...RUNS, numRuns: 100 },
	);
});

/** What every solution must keep. */
const checkSolution = ({ circuit, outputs }: Solution, slotCircuit: SlotCircuit, security: 128 | 192 | 256): void => {
	verify(circuit);
	const { ringDegree, primes, specialPrime } = circuit.parameters;
	const all = [...primes, specialPrime];
	assert.is(new Set(all).size, all.length);
	for (const prime of all) assert.ok(isPrime(prime) && prime % (2 * ringDegree) === 1 && prime < 2 ** 53);
	assert.is(specialPrime, Math.max(...all), 'the special prime is the largest: else key switching is too noisy');
	assert.ok(totalBits(circuit.parameters) <= modulusLimit(ringDegree, security));
	const slotValues = [1, 11].map((seed) => evaluateAll(slotCircuit, sampleFor(slots, seed)));
	circuit.ops.forEach((op, id) => {
		const bits = primes.slice(0, op.level + 1).reduce((sum, prime) => sum + Math.log2(prime), 0);
		const most = Math.max(...slotValues.map((values) => largest(values[op.slot] as Float64Array)));
		// SEAL refuses a scale of more bits than the modulus; a value beyond half of it wraps around.
		assert.ok(Math.log2(op.scale) <= bits, `%${id}: scale 2^${Math.log2(op.scale)} of a modulus of ${bits} bits`);
		assert.ok(Math.log2(most * op.scale) + 1 <= bits + 0.05, `%${id}: ${most} leaves its modulus`);
	});
	for (const { error } of outputs) assert.ok(error > 0 && Number.isFinite(error));
};

test('parameters are secure, hold every value and reach the precision asked for', () => {
	let solved = 0;
	fc.assert(
		fc.property(
			randomCircuit(slots, 3),
			fc.integer({ min: 4, max: 16 }),
			fc.constantFrom(4096, 8192),
			(circuit, precision, ringDegree) => {
				for (const security of [128, 192] as const) {
					const solution = solve(circuit, ringDegree, precision, security);
					if (solution === undefined) continue;
					solved++;
					checkSolution(solution, circuit, security);
					assert.ok(solution.bits >= precision, `${solution.bits} bits, ${precision} were asked for`);
				}
			},
		),
		RUNS,
	);
	assert.ok(solved > 20, `${solved} were solved`);
});

test('shallow circuits always have parameters, though the search looks at the first sample only', () => {
	fc.assert(
		fc.property(randomCircuit(slots, 3), fc.integer({ min: 6, max: 14 }), fc.nat(50), (circuit, precision, seed) => {
			const requirements = requirementsFor(circuit, { ringDegree: 16384, security: 128, precision });
			const samples = [seed, 7, 3, 5].map((k) => sampleFor(slots, k));
			const solution = new ParameterSolver(circuit, { ...requirements, samples }).solve();
			assert.ok(solution && solution.bits >= precision);
		}),
		{ ...RUNS, numRuns: 25 },
	);
});

test('what no modulus of this size holds has no parameters', () => {
	const builder = new SlotBuilder(slots);
	let power = builder.input('x', 0);
	for (let depth = 0; depth < 6; depth++) power = builder.multiply(power, power);
	const circuit = builder.build([{ name: 'y', parts: [power] }]);
	assert.is(solve(circuit, 4096, 10), undefined);
	assert.ok(solve(circuit, 16384, 10));
	assert.is(solve(circuit, 8192, 10, 256), undefined);
});

test('noise that overflows in a slot, and is no number where that slot is masked, is not taken for precise', () => {
	const builder = new SlotBuilder(slots);
	const square = (x: number): number => builder.multiply(x, x);
	const mask = new Float64Array(slots).fill(1, 0, 1);
	const masked = builder.multiplyPlain(square(square(builder.input('x', 0))), mask);
	const circuit = builder.build([{ name: 'y', parts: [builder.add(masked, builder.rotate(masked, 1))] }]);
	const huge = new Float64Array(slots).fill(1e60).fill(0.5, 0, 1);
	const solution = new ParameterSolver(circuit, {
		...requirementsFor(circuit, { ringDegree: 16384, security: 128, precision: 10 }),
		samples: [new Map([['x', [huge]]])],
		outputMagnitudes: new Map([['y', 1]]),
		magnitudes: { sound: () => new Float64Array(circuit.ops.length) },
	}).solve();
	assert.is(solution, undefined);
});

test('an error that is no number is the worst of an output, whatever is rated after it', () => {
	const builder = new SlotBuilder(slots);
	const fourth = (name: string): number => {
		const x = builder.input(name, 0);
		const square = builder.multiply(x, x);
		return builder.multiply(square, square);
	};
	const masked = builder.multiplyPlain(fourth('x'), new Float64Array(slots).fill(1, 0, 1));
	const slotCircuit = builder.build([{ name: 'y', parts: [masked, fourth('z')] }]);
	const circuit = solve(slotCircuit, 16384, 10)?.circuit;
	if (circuit === undefined) return assert.unreachable('no parameters');
	const all = Int32Array.from({ length: slots }, (_, t) => t);
	const reading = { read: new Map([['y', [all, all]]]), outputMagnitudes: new Map([['y', 1]]), batch: 1 };
	const ofX = (x: number) => new Map([['x', [new Float64Array(slots).fill(x, 1)]], ['z', [new Float64Array(slots).fill(1)]]]); // biome-ignore format: one thought
	const { bits, outputs } = rated(circuit, ofX(1e60), reading);
	assert.is(bits, Number.NEGATIVE_INFINITY);
	assert.not(Number.isFinite(outputs[0]?.error));
	assert.ok(rated(circuit, ofX(1), reading).bits > 5);
});

test.run();
