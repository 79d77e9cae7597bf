import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chainOf, demandOf } from '../../compiler/ckks/chain.ts';
import type { CkksCircuit } from '../../compiler/ckks/circuit.ts';
import { evaluateAll } from '../../compiler/ckks/evaluate.ts';
import { lower } from '../../compiler/ckks/lower.ts';
import { narrowed } from '../../compiler/ckks/order.ts';
import { verify } from '../../compiler/ckks/verify.ts';
import { schedule } from '../../compiler/codegen/schedule.ts';
import { SlotBuilder, type SlotCircuit } from '../../compiler/slots/circuit.ts';
import { plain, randomCircuit, sampleFor } from './support.ts';

const lowered = (circuit: SlotCircuit): CkksCircuit => {
	const demand = demandOf(circuit);
	const bits = { scale: 30, plain: 28, threshold: 0 };
	return lower(circuit, demand, chainOf(demand, bits, { base: [2 ** 50], special: 2 ** 51 }, 8192, 128), 'pending');
};

/** The sum of the squares of `width` products of one value: layer by layer, all squares are alive at once. */
const wide = (width: number): CkksCircuit => {
	const builder = new SlotBuilder(4);
	const x = builder.input('x', 0);
	const products = Array.from({ length: width }, (_, k) => builder.multiplyPlain(x, plain(4, k)));
	const squares = products.map((product) => builder.multiply(product, product));
	return lowered(builder.build([{ name: 'y', parts: [squares.reduce((a, b) => builder.add(a, b))] }]));
};

test('a wide layer is computed one value at a time', () => {
	const before = schedule(wide(32), () => 0);
	const after = schedule(narrowed(wide(32), 'latency'), () => 0);
	assert.ok(before.registers >= 32, `${before.registers} registers`);
	assert.ok(after.registers <= 5, `${after.registers} registers`);
});

test('the order changes nothing but the order', () => {
	fc.assert(
		fc.property(randomCircuit(4, 3), (slots) => {
			const circuit = lowered(slots);
			const ordered = narrowed(circuit, 'memory');
			verify(ordered);
			const inputs = sampleFor(4, 1);
			const valuesOf = (of: CkksCircuit): readonly (readonly number[])[] => {
				const values = evaluateAll(of, inputs);
				return of.outputs.flatMap(({ parts }) => parts.map((id) => [...(values[id] as Float64Array)]));
			};
			assert.equal(valuesOf(ordered), valuesOf(circuit));
			const kinds = (of: CkksCircuit): readonly string[] => of.ops.map(({ kind }) => kind).sort();
			assert.equal(kinds(ordered), kinds(circuit));
		}),
		{ numRuns: 100 },
	);
});

test.run();
