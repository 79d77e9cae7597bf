import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { InternalError } from '../../compiler/errors.ts';
import { type Op, SlotBuilder, type SlotCircuit } from '../../compiler/slots/circuit.ts';
import { depthOf, earliestDepths, isProduct, latestDepths } from '../../compiler/slots/depths.ts';
import { evaluateAll } from '../../compiler/slots/evaluate.ts';
import { intervalMagnitudes } from '../../compiler/slots/intervals.ts';
import { boundedMagnitudes, observedMagnitudes } from '../../compiler/slots/magnitudes.ts';
import { print } from '../../compiler/slots/text.ts';
import { verify } from '../../compiler/slots/verify.ts';
import { REPEATABLE } from '../tensor/graphs.ts';

const slots = 8;
const plain = (seed: number): Float64Array => Float64Array.from({ length: slots }, (_, t) => Math.sin(seed + t + 1));

/** Whole numbers choose operations: any circuit on two parts of x. */
const randomCircuit = (numbers: readonly number[]): SlotCircuit => {
	const builder = new SlotBuilder(slots);
	const ids = [builder.input('x', 0), builder.input('x', 1)];
	numbers.forEach((number, k) => {
		const a = ids[number % ids.length] as number;
		const b = ids[(number * 7 + k) % ids.length] as number;
		const made = [
			() => builder.rotate(a, (number % 31) - 15),
			() => builder.add(a, b),
			() => builder.subtract(a, b),
			() => builder.negate(a),
			() => builder.addPlain(a, plain(number % 3)),
			() => builder.multiplyPlain(a, plain(number % 3)),
			() => builder.multiply(a, b),
		][number % 7] as () => number;
		ids.push(made());
	});
	return builder.build([
		{ name: 'y', parts: [ids.at(-1) as number] },
		{ name: 'z', parts: [ids[ids.length >> 1] as number, ids[0] as number] },
	]);
};
const circuits = fc.array(fc.nat(9973), { minLength: 1, maxLength: 20 }).map(randomCircuit);
const inputs = new Map([['x', [plain(10), plain(20)]]]);

test('recorded circuits are valid, name every operation once and print one line for each', () => {
	fc.assert(
		fc.property(circuits, (circuit) => {
			verify(circuit);
			const keys = circuit.ops.map((op) => JSON.stringify({ ...op, origin: '' }));
			assert.is(new Set(keys).size, keys.length);
			const lines = print(circuit).split('\n');
			assert.is(lines.filter((line) => line.startsWith('%')).length, circuit.ops.length);
		}),
		REPEATABLE,
	);
});

test('neutral operations leave no trace', () => {
	const builder = new SlotBuilder(slots);
	const x = builder.input('x', 0);
	assert.is(builder.rotate(x, 0), x);
	assert.is(builder.rotate(x, -slots), x);
	assert.is(builder.addPlain(x, new Float64Array(slots)), x);
	assert.is(builder.multiplyPlain(x, new Float64Array(slots).fill(1)), x);
	assert.is(builder.rotate(x, -1), builder.rotate(x, slots - 1));
	assert.throws(() => builder.multiplyPlain(x, new Float64Array(slots)), /all-zero/);
	assert.throws(() => builder.addPlain(x, new Float64Array([1])), /1 slots/);
	const y = builder.input('x', 1);
	assert.is(builder.add(x, y), builder.add(y, x));
	assert.is(builder.multiply(x, y), builder.multiply(y, x));
	assert.is.not(builder.subtract(x, y), builder.subtract(y, x));
});

test('operations do what the table at the head of the circuit says', () => {
	const builder = new SlotBuilder(4);
	const [x, y] = [builder.input('x', 0), builder.input('x', 1)];
	const c = Float64Array.of(1, 0, -1, 2);
	const ids = [
		builder.rotate(x, 1),
		builder.subtract(x, y),
		builder.negate(x),
		builder.addPlain(x, c),
		builder.multiplyPlain(x, c),
		builder.multiply(x, y),
	];
	const values = evaluateAll(
		builder.build([]),
		new Map([['x', [Float64Array.of(1, 2, 3, 4), Float64Array.of(5, 6, 7, 8)]]]),
	);
	assert.equal(
		ids.map((id) => [...(values[id] as Float64Array)]),
		[
			[2, 3, 4, 1],
			[-4, -4, -4, -4],
			[-1, -2, -3, -4],
			[2, 2, 2, 6],
			[1, 0, -3, 8],
			[5, 12, 21, 32],
		],
	);
});

test('depths as late as possible are no deeper than the circuit and leave room for every product', () => {
	fc.assert(
		fc.property(circuits, (circuit) => {
			const depth = depthOf(circuit);
			const [early, late] = [earliestDepths(circuit), latestDepths(circuit)];
			// What no output needs may be deeper than the circuit.
			fc.pre(early.every((d) => d <= depth));
			assert.ok(late.every((d, id) => d >= (early[id] as number) && d <= depth));
			circuit.ops.forEach((op, id) => {
				for (const operand of 'b' in op ? [op.a, op.b] : 'a' in op ? [op.a] : [])
					assert.ok((late[operand] as number) + (isProduct(op) ? 1 : 0) <= (late[id] as number));
			});
			const ofInputs = circuit.ops.flatMap((op, id) => (op.kind === 'input' ? [late[id]] : []));
			assert.is(new Set(ofInputs).size, 1, 'parts of one input');
		}),
		REPEATABLE,
	);
});

test('bounds of magnitudes hold what is observed', () => {
	fc.assert(
		fc.property(circuits, (circuit) => {
			const observed = observedMagnitudes(circuit, [inputs]);
			const bounded = boundedMagnitudes(
				circuit,
				new Map([...inputs].map(([name, parts]) => [name, parts.map((part) => part.map(Math.abs))])),
			);
			const values = evaluateAll(circuit, inputs);
			observed.forEach((value, id) => {
				assert.is(value, Math.max(...(values[id] as Float64Array).map(Math.abs)));
				assert.ok(value <= (bounded[id] as number) * (1 + 1e-12));
			});
		}),
		REPEATABLE,
	);
});

test('bounds by intervals hold what is observed, and are no looser than those of magnitudes', () => {
	const moved = (by: number) =>
		new Map([...inputs].map(([name, parts]) => [name, parts.map((part) => part.map((v, t) => v + (t % 3) * by))]));
	const [low, high] = [moved(-0.25), moved(0.5)];
	const largest = new Map(
		[...low].map(([name, parts]) => [
			name,
			parts.map((part, p) => part.map((v, t) => Math.max(Math.abs(v), Math.abs(high.get(name)?.[p]?.[t] ?? 0)))),
		]),
	);
	fc.assert(
		fc.property(circuits, (circuit) => {
			const bounded = intervalMagnitudes(circuit, low, high);
			const loose = boundedMagnitudes(circuit, largest);
			observedMagnitudes(circuit, [inputs, low, high]).forEach((value, id) => {
				assert.ok(value <= (bounded[id] as number) * (1 + 1e-12) + 1e-300);
				assert.ok((bounded[id] as number) <= (loose[id] as number) * (1 + 1e-12));
			});
		}),
		REPEATABLE,
	);
});

test('the recursion of Chebyshev polynomials stays between -2 and 2 by intervals', () => {
	const builder = new SlotBuilder(4);
	let v = builder.input('x', 0);
	for (let k = 0; k < 8; k++) v = builder.addPlain(builder.multiply(v, v), Float64Array.of(-2, -2, -2, -2));
	const circuit = builder.build([{ name: 'y', parts: [v] }]);
	const ends = [-2, 2].map((end) => new Map([['x', [new Float64Array(4).fill(end)]]]));
	const [low = new Map(), high = new Map()] = ends;
	assert.is(intervalMagnitudes(circuit, low, high)[v], 2);
	assert.ok((boundedMagnitudes(circuit, high)[v] ?? 0) > 2 ** 256);
});

const sample = (): SlotCircuit => {
	const builder = new SlotBuilder(4);
	const x = builder.input('x', 0);
	const product = builder.multiplyPlain(builder.rotate(x, 1), Float64Array.of(1, 2, 3, 4));
	return builder.build([
		{ name: 'y', parts: [builder.addPlain(builder.add(product, x), Float64Array.of(1, 0, 0, 0))] },
	]);
};
const withOp = (id: number, change: Partial<Op<'rotate'>> & Partial<Op<'addPlain'>>): SlotCircuit => {
	const circuit = sample();
	return { ...circuit, ops: circuit.ops.map((op, k) => (k === id ? ({ ...op, ...change } as Op) : op)) };
};

const broken: readonly (readonly [string, () => SlotCircuit, RegExp])[] = [
	['a number of slots that is no power of two', () => ({ ...sample(), slots: 3 }), /power of two/],
	['no slots', () => ({ ...sample(), slots: 0 }), /power of two/],
	['a plaintext of another length', () => ({ ...sample(), plains: [new Float64Array(3).fill(1)] }), /has 3 slots/],
	['a plaintext with NaN', () => ({ ...sample(), plains: [new Float64Array(4).fill(Number.NaN)] }), /finite/],
	['an operand that comes later', () => withOp(1, { a: 2 }), /not yet computed/],
	['an operand of its own', () => withOp(1, { a: 1 }), /not yet computed/],
	['a negative operand', () => withOp(1, { a: -1 }), /not yet computed/],
	['a rotation by nothing', () => withOp(1, { steps: 0 }), /rotates by 0/],
	['a rotation by all slots', () => withOp(1, { steps: 4 }), /rotates by 4/],
	['a plaintext that does not exist', () => withOp(4, { plain: 7 }), /plaintext 7/],
	['a product with zero', () => ({ ...sample(), plains: [new Float64Array(4), new Float64Array(4)] }), /by zero/],
	['an output that does not exist', () => ({ ...sample(), outputs: [{ name: 'y', parts: [9] }] }), /does not exist/],
];
for (const [what, build, message] of broken)
	test(`the verifier finds ${what}`, () => {
		verify(sample());
		try {
			verify(build());
		} catch (error) {
			assert.instance(error, InternalError);
			assert.match((error as Error).message, message);
			return;
		}
		assert.unreachable('nothing was found');
	});

test.run();
