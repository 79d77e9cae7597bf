import { CompileError, type Issue } from '../errors.ts';
import type { Samples } from '../options.ts';
import { type Graph, sizeOf } from './graph.ts';

/** The inputs of sample i, by name. */
export const sampleAt = (samples: Samples, i: number): Map<string, Float64Array> =>
	new Map([...samples].map(([name, values]) => [name, values[i] as Float64Array]));

/** Samples that are looked at on float64 where all would take too long. */
export const SEEN_SAMPLES = 256;

/** At most `most` indices spread evenly over 0..count - 1. */
export const spread = (count: number, most: number): readonly number[] =>
	Array.from({ length: Math.min(count, most) }, (_, k) => Math.floor((k * count) / Math.min(count, most)));

/** How many samples there are; 0 when there is no input. */
export const countOf = (samples: Samples): number => samples.values().next().value?.length ?? 0;

/** Throws CompileError 'calibration' unless every input has as many (> 0) samples, of its size and finite. */
export const checkSamples = (graph: Graph, samples: Samples): void => {
	const issues: Issue[] = [];
	const complain = (message: string, hint: string): void => {
		issues.push({ code: 'calibration', message, hint });
	};
	const count = countOf(samples);
	for (const node of graph.nodes) {
		if (node.kind !== 'input') continue;
		const values = samples.get(node.name);
		const size = sizeOf(node.shape);
		if (values === undefined) complain(`no calibration data for input ${node.name}`, 'Give samples of every input.');
		else if (values.length !== count || count === 0)
			complain(
				`input ${node.name} has ${values.length} calibration samples`,
				'Give as many samples, at least one, of every input.',
			);
		else if (values.some((x) => x.length !== size))
			complain(
				`a calibration sample of input ${node.name} does not have ${size} elements`,
				`The input's shape is [${node.shape}].`,
			);
		else if (!values.every((x) => x.every(Number.isFinite)))
			complain(`calibration data of input ${node.name} are not finite`, 'Remove samples with NaN or infinite values.');
	}
	if (issues.length > 0) throw new CompileError(issues);
};
