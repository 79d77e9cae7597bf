import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chainOf, demandOf } from '../../compiler/ckks/chain.ts';
import { edgesOf, gainsOf } from '../../compiler/ckks/gains.ts';
import { lower } from '../../compiler/ckks/lower.ts';
import { switchingProfile, visitNoise } from '../../compiler/ckks/noise.ts';
import { classGains, patternOf, scalesOf, shapeOf, varianceOf } from '../../compiler/ckks/shape.ts';
import type { SlotCircuit } from '../../compiler/slots/circuit.ts';
import { REPEATABLE } from '../tensor/graphs.ts';
import { randomCircuit, sampleFor } from './support.ts';

const slots = 16;
const ringDegree = 8192;
const fixed = { base: [2 ** 50], special: 2 ** 51 };

/** Variance of one slot of the first part of the first output, by the analysis that goes forward through the whole circuit. */
const forward = (circuit: ReturnType<typeof lower>, slot: number): number => {
	let found = Number.NaN;
	visitNoise(circuit, sampleFor(slots, 3), (id, _, variance) => {
		if (id === circuit.outputs[0]?.parts[0]) found = variance[slot] as number;
	});
	return found;
};

const gainsTo = (circuit: SlotCircuit, slot: number) => {
	const weight = new Float64Array(slots);
	weight[slot] = 1;
	const output = circuit.outputs[0]?.parts[0] as number;
	return gainsOf(
		circuit,
		edgesOf(circuit),
		switchingProfile(ringDegree, slots),
		sampleFor(slots, 3),
		new Map([[output, weight]]),
	);
};

const candidates = fc.record({
	scale: fc.integer({ min: 34, max: 40 }),
	savings: fc.nat(5),
	threshold: fc.constantFrom(0, 0, 10, 20, 40),
	rotations: fc.constantFrom('pending' as const, 'settled' as const),
});

test('noise summed backward over classes is the noise carried forward through the circuit', () => {
	let exact = 0;
	fc.assert(
		fc.property(
			randomCircuit(slots, 3),
			candidates,
			fc.nat(slots - 1),
			(circuit, { scale, savings, threshold, rotations }, slot) => {
				const demand = demandOf(circuit);
				const chain = chainOf(demand, { scale, plain: scale - savings, threshold }, fixed, ringDegree, 128);
				const shape = shapeOf(circuit, demand, chain, rotations);
				const gains = classGains(shape, edgesOf(circuit), gainsTo(circuit, slot));
				const backward = varianceOf(shape, gains, scalesOf(chain), chain.parameters, 0);
				const ratio = backward / forward(lower(circuit, demand, chain, rotations), slot);
				// A product with one that adjusts a scale counts the mean square of its operand for the square in the slot.
				const adjusts = shape.circuit.constants.some(({ plain }) => plain === 'ones');
				assert.ok(Math.abs(ratio - 1) < (adjusts ? 0.5 : 1e-6), `${ratio}`);
				if (!adjusts) exact++;
			},
		),
		{ ...REPEATABLE, numRuns: 150 },
	);
	assert.ok(exact > 15, `${exact} without adjusted scales`);
});

test('noise of a few wanted values is the same as when all are shown: sums fused with products change nothing', () => {
	fc.assert(
		fc.property(randomCircuit(slots, 3), candidates, (circuit, { scale, savings, threshold, rotations }) => {
			const demand = demandOf(circuit);
			const chain = chainOf(demand, { scale, plain: scale - savings, threshold }, fixed, ringDegree, 128);
			const lowered = lower(circuit, demand, chain, rotations);
			const wanted = new Set(lowered.outputs.flatMap(({ parts }) => parts));
			const seen = new Map<number, Float64Array>();
			visitNoise(lowered, sampleFor(slots, 3), (id, _, variance) => seen.set(id, variance.slice()));
			assert.is(seen.size, lowered.ops.length);
			let shown = 0;
			const compare = (id: number, _: Float64Array, variance: Float64Array): void => {
				shown++;
				const whole = seen.get(id) as Float64Array;
				assert.ok(variance.every((v, t) => Math.abs(v - (whole[t] as number)) <= 1e-12 * v));
			};
			visitNoise(lowered, sampleFor(slots, 3), compare, wanted);
			assert.is(shown, wanted.size);
		}),
		{ ...REPEATABLE, numRuns: 100 },
	);
});

test('chains of one pattern share a shape: another chain rates it as its own', () => {
	let compared = 0;
	fc.assert(
		fc.property(randomCircuit(slots, 3), candidates, fc.integer({ min: 1, max: 3 }), (circuit, candidate, more) => {
			const demand = demandOf(circuit);
			const { scale, savings, threshold, rotations } = candidate;
			const at = (bits: number) =>
				chainOf(demand, { scale: bits, plain: bits - savings, threshold }, fixed, ringDegree, 128);
			const [one, other] = [at(scale), at(scale + more)];
			if (patternOf(one) !== patternOf(other)) return;
			compared++;
			const gains = gainsTo(circuit, 0);
			const rate = (chain: typeof one): number => {
				const shape = shapeOf(circuit, demand, chain, rotations);
				return varianceOf(shape, classGains(shape, edgesOf(circuit), gains), scalesOf(other), other.parameters, 0);
			};
			assert.ok(Math.abs(rate(one) / rate(other) - 1) < 1e-9);
		}),
		{ ...REPEATABLE, numRuns: 100 },
	);
	assert.ok(compared > 30, `${compared} were compared`);
});

test.run();
