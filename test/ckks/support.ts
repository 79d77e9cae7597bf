import * as fc from 'fast-check';
import type { Requirements } from '../../compiler/ckks/parameters.ts';
import { SlotBuilder, type SlotCircuit } from '../../compiler/slots/circuit.ts';
import type { PackedInputs } from '../../compiler/slots/evaluate.ts';
import { observedMagnitudes } from '../../compiler/slots/magnitudes.ts';

export const plain = (slots: number, seed: number): Float64Array =>
	Float64Array.from({ length: slots }, (_, t) => Math.sin(seed * 7 + t + 1));

/** Rotations, sums and products in any order, at most `depth` products deep; everything feeds the output. */
export const randomCircuit = (slots: number, depth: number): fc.Arbitrary<SlotCircuit> =>
	fc.array(fc.nat(99991), { minLength: 1, maxLength: 14 }).map((numbers) => {
		const builder = new SlotBuilder(slots);
		const ids = [builder.input('x', 0), builder.input('z', 0)];
		const depths = [0, 0];
		numbers.forEach((number, k) => {
			const [i, j] = [number % ids.length, (number * 5 + k) % ids.length];
			const [a, b] = [ids[i] as number, ids[j] as number];
			const [d, deepest] = [depths[i] as number, Math.max(depths[i] as number, depths[j] as number)];
			const push = (id: number, at: number): void => {
				ids.push(id);
				depths.push(at);
			};
			const kind = number % 8;
			if (kind === 0) push(builder.rotate(a, 1 + (number % (slots - 1))), d);
			else if (kind === 1) push(builder.add(a, b), deepest);
			else if (kind === 2 && a !== b) push(builder.subtract(a, b), deepest);
			else if (kind === 3) push(builder.negate(a), d);
			else if (kind === 4) push(builder.addPlain(a, plain(slots, number % 5)), d);
			else if (kind === 5 && d < depth) push(builder.multiplyPlain(a, plain(slots, number % 5)), d + 1);
			else if (kind >= 6 && deepest < depth) push(builder.multiply(a, b), deepest + 1);
		});
		const all = ids.reduce((sum, id) => builder.add(sum, id));
		return builder.build([
			{ name: 'y', parts: [all, ids.at(-1) as number] },
			{ name: 'w', parts: [ids[ids.length >> 1] as number] },
		]);
	});

export const sampleFor = (slots: number, seed: number): PackedInputs =>
	new Map([
		['x', [plain(slots, seed)]],
		['z', [plain(slots, seed + 1)]],
	]);

export const requirementsFor = (
	circuit: SlotCircuit,
	wanted: Pick<Requirements, 'ringDegree' | 'security' | 'precision'>,
): Requirements => {
	const samples = [sampleFor(circuit.slots, 1), sampleFor(circuit.slots, 11)];
	const everywhere = Int32Array.from({ length: circuit.slots }, (_, t) => t);
	return {
		...wanted,
		backend: 'kernel',
		samples,
		read: new Map(circuit.outputs.map(({ name, parts }) => [name, parts.map(() => everywhere)])),
		outputMagnitudes: outputMagnitudesOf(circuit, samples),
		batch: 1,
		magnitudes: { sound: () => observedMagnitudes(circuit, samples) },
	};
};

const outputMagnitudesOf = (circuit: SlotCircuit, samples: readonly PackedInputs[]): ReadonlyMap<string, number> => {
	const all = observedMagnitudes(circuit, samples);
	return new Map(circuit.outputs.map(({ name, parts }) => [name, Math.max(...parts.map((id) => all[id] as number))]));
};
