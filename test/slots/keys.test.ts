import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Id, SlotBuilder, type SlotCircuit } from '../../compiler/slots/circuit.ts';
import { evaluateAll } from '../../compiler/slots/evaluate.ts';
import { composedBy, fewerKeys, limitKeys } from '../../compiler/slots/keys/limit.ts';
import { treeTo, walksBy, walkTo } from '../../compiler/slots/keys/walks.ts';
import { verify } from '../../compiler/slots/verify.ts';

const SLOTS = 32;
const atMost =
	(count: number) =>
	(keys: ReadonlyMap<number, number>): boolean =>
		keys.size <= count;
/** Every rotation costs 1. */
const prices = { levels: new Map<Id, number>(), costs: () => ({ decomposition: 0, rotation: 1 }) };

const stepsIn = ({ ops }: SlotCircuit): ReadonlySet<number> =>
	new Set(ops.flatMap((op) => (op.kind === 'rotate' ? [op.steps] : [])));
const rotationsIn = ({ ops }: SlotCircuit): number => ops.filter(({ kind }) => kind === 'rotate').length;

const values = (circuit: SlotCircuit): readonly Float64Array[] => {
	const inputs = new Map([
		['x', [0, 1].map((part) => Float64Array.from({ length: SLOTS }, (_, t) => ((t * 7 + part) % 5) - 2))],
	]);
	const all = evaluateAll(circuit, inputs);
	return circuit.outputs.flatMap(({ parts }) => parts.map((id) => all[id] as Float64Array));
};

/** sum of the rotations of x by these steps. */
const sumOf = (steps: readonly number[], slots = SLOTS): SlotCircuit => {
	const builder = new SlotBuilder(slots);
	const x = builder.input('x', 0);
	const sum = steps.map((step) => builder.rotate(x, step)).reduce((a, b) => builder.add(a, b));
	return builder.build([{ name: 'y', parts: [sum] }]);
};

type Command = readonly [kind: number, a: number, b: number];
/** A circuit of all kinds of operations on random operands; small whole numbers, so that results are exact. */
const random = (commands: readonly Command[]): SlotCircuit => {
	const builder = new SlotBuilder(SLOTS);
	const ids: Id[] = [builder.input('x', 0), builder.input('x', 1)];
	const plain = Float64Array.from({ length: SLOTS }, (_, t) => (t % 3) - 1);
	commands.forEach(([kind, a, b], k) => {
		const [x, y] = [ids[a % ids.length] as Id, ids[b % ids.length] as Id];
		builder.origin = `layer ${k % 3}`;
		const made = [
			() => builder.add(x, y),
			() => builder.subtract(x, y),
			() => builder.negate(x),
			() => builder.addPlain(x, plain),
			() => builder.multiplyPlain(x, plain),
			() => builder.combine([...new Set([x, y])], Float64Array.of(2, -1).subarray(0, x === y ? 1 : 2)),
		];
		ids.push(kind < made.length ? (made[kind] as () => Id)() : builder.rotate(x, b));
	});
	return builder.build([{ name: 'y', parts: ids.slice(-3) }]);
};
const circuits = fc
	.array(fc.tuple(fc.nat(14), fc.nat(100), fc.nat(SLOTS - 1)), { minLength: 3, maxLength: 25 })
	.map(random);

test('a circuit with fewer keys computes the same, with no more keys than asked for', () => {
	fc.assert(
		fc.property(circuits, fc.integer({ min: 1, max: 5 }), (circuit, count) => {
			const limited = limitKeys(circuit, prices, atMost(count));
			if (limited === undefined) return;
			verify(limited.circuit);
			assert.ok(stepsIn(limited.circuit).size <= count);
			assert.equal(values(limited.circuit), values(circuit));
		}),
		{ numRuns: 300 },
	);
});

test('any steps that reach all rotations compose them, and the circuit computes the same', () => {
	const odd = fc.integer({ min: 0, max: SLOTS / 2 - 1 }).map((half) => 2 * half + 1);
	fc.assert(
		fc.property(circuits, fc.uniqueArray(odd, { minLength: 1, maxLength: 3 }), (circuit, steps) => {
			const composed = composedBy(circuit, steps);
			verify(composed);
			assert.ok([...stepsIn(composed)].every((step) => steps.includes(step)));
			assert.equal(values(composed), values(circuit));
		}),
	);
});

test('a limit that is kept already costs nothing', () => {
	fc.assert(
		fc.property(circuits, (circuit) => {
			const limited = limitKeys(circuit, prices, () => true);
			assert.ok(limited !== undefined && limited.after <= limited.before);
			assert.ok(rotationsIn(limited.circuit) <= rotationsIn(circuit));
		}),
	);
});

test('rotations that share their way better than the nearest way first are left as they are', () => {
	// To 5, 14 and 11 by way of 4, which nothing else reads: four rotations, where trees from the nearest target take five.
	const builder = new SlotBuilder(SLOTS);
	const x = builder.input('x', 0);
	const four = builder.rotate(x, 4);
	const fourteen = builder.rotate(four, 10);
	const parts = [builder.add(x, fourteen), builder.add(x, builder.rotate(four, 1)), builder.rotate(fourteen, 29)];
	const circuit = builder.build([{ name: 'y', parts }]);
	const limited = limitKeys(circuit, prices, () => true);
	assert.is(limited?.before, 4);
	assert.is(limited?.after, 4);
	assert.is(rotationsIn((limited as { circuit: SlotCircuit }).circuit), 4);
	assert.equal(values((limited as { circuit: SlotCircuit }).circuit), values(circuit));
});

test('the predicted price is that of the rotations in the circuit', () => {
	fc.assert(
		fc.property(circuits, fc.integer({ min: 1, max: 5 }), (circuit, count) => {
			const limited = limitKeys(circuit, prices, atMost(count));
			if (limited !== undefined) assert.is(limited.after, rotationsIn(limited.circuit));
		}),
	);
});

test('walks are as short as walks can be', () => {
	const steps = fc.uniqueArray(fc.integer({ min: 1, max: SLOTS - 1 }), { minLength: 1, maxLength: 4 });
	fc.assert(
		fc.property(steps, fc.integer({ min: 1, max: SLOTS - 1 }), (by, target) => {
			// All sums of k steps, for k = 1, 2, ...: the first that has the target.
			let sums = new Set([0]);
			let expected = Number.POSITIVE_INFINITY;
			for (let k = 1; k <= SLOTS && expected > k; k++) {
				sums = new Set([...sums].flatMap((sum) => by.map((step) => (sum + step) % SLOTS)));
				if (sums.has(target)) expected = k;
			}
			const walks = walksBy(SLOTS, by, [target]);
			assert.is(walks.length(target), expected);
			if (expected === Number.POSITIVE_INFINITY) return;
			const walk = walkTo(walks, SLOTS, target);
			assert.is(walk.length, expected);
			assert.is(walk.reduce((sum, step) => sum + step, 0) % SLOTS, target);
		}),
	);
});

test('neighbours share their way: seven rotations by 1 to 7 are seven rotations by 1', () => {
	const targets = [1, 2, 3, 4, 5, 6, 7];
	const tree = treeTo(walksBy(SLOTS, [1], targets), SLOTS, targets);
	assert.is(tree.size, 7);
	assert.equal(tree.get(5), { from: 4, step: 1 });
	const limited = limitKeys(sumOf(targets), prices, atMost(1));
	assert.equal([...stepsIn((limited as { circuit: SlotCircuit }).circuit)], [1]);
	assert.is(limited?.after, 7);
});

test('a step that no rotation has is taken where it serves best', () => {
	// By one key: 1 reaches 2 and 3 in three rotations, 3 reaches 2 in hundreds.
	const limited = limitKeys(sumOf([2, 3], 1024), prices, atMost(1));
	assert.equal([...stepsIn((limited as { circuit: SlotCircuit }).circuit)], [1]);
	assert.is(limited?.after, 3);
	assert.equal(limited?.composed, [
		{ step: 2, by: [1, 1] },
		{ step: 3, by: [1, 1, 1] },
	]);
});

test('rotations at high levels keep their keys: the cheap ones are composed', () => {
	const builder = new SlotBuilder(SLOTS);
	const [x, z] = [builder.input('x', 0), builder.input('x', 1)];
	const ids = new Map([2, 6].map((step) => [step, builder.rotate(step === 2 ? x : z, step)]));
	const circuit = builder.build([{ name: 'y', parts: [...ids.values()] }]);
	for (const dear of [2, 6]) {
		const levels = new Map([...ids].map(([step, id]) => [id, step === dear ? 9 : 0]));
		const limited = limitKeys(
			circuit,
			{ levels, costs: (level) => ({ decomposition: 0, rotation: (level + 1) ** 2 }) },
			atMost(1),
		);
		assert.equal([...stepsIn((limited as { circuit: SlotCircuit }).circuit)], [dear]);
	}
});

test('no more keys than a time allows are left, and the circuit computes the same in that time', () => {
	fc.assert(
		fc.property(circuits, fc.nat(10), (circuit, extra) => {
			const fewer = fewerKeys(circuit, prices, extra);
			verify(fewer.circuit);
			assert.ok(fewer.after <= fewer.before + extra);
			assert.ok(rotationsIn(fewer.circuit) <= rotationsIn(circuit) + extra);
			assert.equal(values(fewer.circuit), values(circuit));
		}),
	);
	const chain = [1, 2, 3, 4, 5, 6, 7];
	// Babies 1 to 7 with a key each need one only, at no price.
	assert.is(fewerKeys(sumOf(chain), prices, 0).keys.size, 1);
	// By 1 and 8 with one key: eight rotations instead of two.
	assert.is(fewerKeys(sumOf([1, 8]), prices, 5).keys.size, 2);
	assert.is(fewerKeys(sumOf([1, 8]), prices, 6).keys.size, 1);
});

test('what would make the rotations many times as expensive is not done', () => {
	assert.is(limitKeys(sumOf([1, 512], 1024), prices, atMost(1)), undefined);
	assert.is(limitKeys(sumOf([1, 2]), prices, atMost(0)), undefined);
});

test.run();
