import { chainOf, demandOf } from '../../compiler/ckks/chain.ts';
import type { CkksCircuit } from '../../compiler/ckks/circuit.ts';
import { lower } from '../../compiler/ckks/lower.ts';
import { inputNames } from '../../compiler/codegen/fuse.ts';
import { type Generated, programOf } from '../../compiler/codegen/program.ts';
import { operandsOf, SlotBuilder, type SlotCircuit } from '../../compiler/slots/circuit.ts';
import { plain } from '../ckks/support.ts';

export const RING = 64;

/** The circuit with primes of 30 bits, two larger ones at the bottom, and scales to match. */
export const lowered = (circuit: SlotCircuit, rotation: 'pending' | 'settled' = 'pending'): CkksCircuit => {
	const demand = demandOf(circuit);
	const scales = { scale: 30, plain: 28, threshold: 0 };
	const chain = chainOf(demand, scales, { base: [2 ** 46, 2 ** 44], special: 2 ** 47 }, RING, 128);
	return lower(circuit, demand, chain, rotation);
};

/** The plan of a circuit whose inputs and outputs fill all virtual slots. */
export const planOf = (circuit: CkksCircuit): Generated => {
	const shape = [circuit.slots];
	const parts = (count: number) =>
		Array.from({ length: count }, () => [[0, circuit.slots, 0, 1] as [number, number, number, number]]);
	const partsOf = (name: string): number => circuit.ops.filter((op) => op.kind === 'input' && op.name === name).length;
	const ends = {
		inputs: inputNames(circuit).map((name) => ({
			...{ name, shape, parts: parts(partsOf(name)) },
			range: [-1, 1] as const,
		})),
		outputs: circuit.outputs.map((output) => ({
			...{ name: output.name, encryptedShape: shape, shape, parts: parts(output.parts.length) },
			...{ tail: [], plausible: 1, predictedError: 1, magnitude: 1 },
		})),
		knownOutputs: [],
	};
	return programOf('test', circuit, ends, { objective: 'latency', backend: 'kernel' });
};

/** Circuits of rotations, products with plaintexts, sums, squares and combinations, as the numbers choose. */
export const circuitOf = (slots: number, numbers: readonly number[]): SlotCircuit => {
	const builder = new SlotBuilder(slots);
	const ids = [builder.input('x', 0), builder.input('x', 1), builder.input('z', 0)];
	const depths = ids.map(() => 0);
	const vector = (seed: number): Float64Array => plain(slots, seed).map((value) => value / 4);
	numbers.forEach((number, k) => {
		const near = Math.max(0, ids.length - 6);
		const [i, j] = [number % ids.length, near + ((number * 5 + k) % (ids.length - near))];
		const [a, b] = [ids[i] as number, ids[j] as number];
		const [d, e] = [depths[i] as number, depths[j] as number];
		const push = (id: number, depth: number): void => {
			ids.push(id);
			depths.push(depth);
		};
		const kind = Math.floor(number / 64) % 12;
		if (kind < 3) push(builder.rotate(b, 1 + (number % (slots - 1))), e);
		else if (kind < 5 && d < 3) push(builder.multiplyPlain(a, vector(number % 5)), d + 1);
		else if (kind < 8) push(builder.add(a, b), Math.max(d, e));
		else if (kind === 8 && a !== b) push(builder.subtract(a, b), Math.max(d, e));
		else if (kind === 9) push(number % 2 ? builder.negate(b) : builder.addPlain(b, vector(number % 5)), e);
		else if (kind === 10 && Math.max(d, e) < 3) push(builder.multiply(a, number % 2 ? a : b), Math.max(d, e) + 1);
		else if (kind === 11 && a !== b && Math.max(d, e) < 3) {
			for (let n = 0; n <= number % 3; n++)
				push(builder.combine([a, b], Float64Array.of(0.5, (n + 1) / -4)), Math.max(d, e) + 1);
		}
	});
	// Whatever nothing reads is an output: no value is for nothing.
	const { ops } = builder.build([]);
	const read = new Set(ops.flatMap(operandsOf));
	const unread = ops.map((_, id) => id).filter((id) => !read.has(id));
	return builder.build([
		{ name: 'y', parts: unread },
		{ name: 'w', parts: [ids[ids.length >> 1] as number] },
	]);
};
