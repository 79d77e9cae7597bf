import type { InputPacking, OutputPacking } from '../../runtime/plan.ts';
import type { InputKnowledge } from '../calibration/accepted.ts';
import { outputLimits, outputMagnitudes } from '../calibration/outputs.ts';
import type { Solution } from '../ckks/parameters.ts';
import { InternalError } from '../errors.ts';
import type { ImportedModel } from '../onnx/import.ts';
import { type Layout, runsOf } from '../packing/layout.ts';
import type { Lowered } from '../packing/lower.ts';
import { type CoreKind, type Graph, type Shape, sizeOf } from '../tensor/graph.ts';
import type { Split } from '../tensor/passes/split.ts';
import { inputNames } from './fuse.ts';
import type { Ends } from './program.ts';

/** What the client does at both ends: packing, head and ranges before, unpacking, tail and plausibility after. */
export const endsOf = (
	imported: ImportedModel,
	parts: Split,
	core: Graph<CoreKind>,
	knowledge: InputKnowledge,
	lowered: Lowered,
	solution: Solution,
): Ends => {
	const magnitudes = outputMagnitudes(core, knowledge.samples);
	const limits = outputLimits(core, knowledge);
	return {
		inputs: inputNames(solution.circuit).map((name) => inputEnd(name, imported, parts, knowledge, lowered)),
		outputs: core.outputs.map(({ name, shape }): Ends['outputs'][number] => {
			const magnitude = magnitudes.get(name) ?? 0;
			const noise = solution.outputs.find((output) => output.name === name);
			const original = imported.graph.outputs.find((output) => output.name === name);
			return {
				name,
				encryptedShape: shape,
				shape: original?.shape ?? shape,
				parts: layoutNamed(lowered.outputs, name).parts.map(runsOf),
				tail: parts.tails.get(name) ?? [],
				...(original?.classes === undefined ? {} : { classes: original.classes }),
				plausible: Math.min((limits.get(name) ?? 0) + (noise?.error ?? 0), mostHeld(solution, name)),
				predictedError: noise?.error ?? 0,
				magnitude,
			} satisfies Omit<OutputPacking, 'level' | 'scale'>;
		}),
		knownOutputs: imported.knownOutputs,
	};
};

/** Nine tenths of the magnitude at which an output would leave its modulus. */
const mostHeld = ({ circuit }: Solution, name: string): number => {
	const id = circuit.outputs.find((output) => output.name === name)?.parts[0] ?? -1;
	const { level, scale } = circuit.ops[id] ?? { level: 0, scale: 1 };
	const bits = circuit.parameters.primes.slice(0, level + 1).reduce((sum, prime) => sum + Math.log2(prime), 0);
	return 0.9 * 2 ** (bits - 1 - Math.log2(scale));
};

const inputEnd = (
	name: string,
	imported: ImportedModel,
	parts: Split,
	knowledge: InputKnowledge,
	lowered: Lowered,
): Omit<InputPacking, 'level' | 'scale'> => {
	const head = parts.heads.get(name);
	const shape: Shape = imported.inputs.find((input) => input.name === name)?.shape ?? [];
	const range = knowledge.accepted.get(name);
	if (range === undefined || sizeOf(shape) === 0) throw new InternalError('ends', `nothing is known of input ${name}`);
	return {
		name,
		shape,
		...(head === undefined ? {} : { head: { scale: [...head.scale], shift: [...head.shift] } }),
		range,
		parts: layoutNamed(lowered.inputs, name).parts.map(runsOf),
	};
};

const layoutNamed = (layouts: ReadonlyMap<string, Layout>, name: string): Layout => {
	const layout = layouts.get(name);
	if (layout === undefined) throw new InternalError('ends', `${name} was never packed`);
	return layout;
};
