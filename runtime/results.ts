import { unpack } from './packing.ts';
import type { ClientProgram, OutputPacking } from './plan.ts';
import { applyTail, type Tensor } from './tail.ts';

/** One output of one sample: after the tail, and `raw` as decrypted. */
export type OutputTensor = Tensor & { readonly raw: Tensor };

/** The outputs of one sample by name, and reasons to doubt them. */
export type Result<Output extends string = string> = {
	readonly outputs: ReadonlyMap<Output, OutputTensor>;
	readonly warnings: readonly string[];
};

/** Numbers in arrays of arrays. */
export type Nested = number | readonly Nested[];

/** The values of a tensor as arrays in its shape: `toNested(outputs.get('logits'))[0][3]` is the element [0, 3]. */
export const toNested = ({ shape, data }: Tensor): Nested => {
	let rows: Nested[] = [...data];
	for (const length of shape.slice(1).reverse())
		rows = Array.from({ length: rows.length / length }, (_, i) => rows.slice(i * length, (i + 1) * length));
	return shape.length === 0 ? (rows[0] as Nested) : rows;
};

const doubt = ({ name, plausible }: OutputPacking, raw: Float64Array): string | undefined => {
	const index = raw.findIndex((value) => !(Math.abs(value) <= plausible));
	if (index < 0) return undefined;
	return (
		`output '${name}' is implausible: element ${index} decrypts to ${raw[index]}, beyond ${plausible}; ` +
		'the run left the range it was compiled for, or the keys do not match'
	);
};

/** The results of `count` samples from the decrypted slots decrypted[output][part]. */
export const readResults = (
	program: ClientProgram,
	decrypted: readonly (readonly Float64Array[])[],
	count: number,
): Result[] =>
	Array.from({ length: count }, (_, sample) => {
		const outputs = new Map<string, OutputTensor>();
		const warnings: string[] = [];
		program.outputs.forEach((output, o) => {
			const size = output.encryptedShape.reduce((product, d) => product * d, 1);
			const data = unpack(output.parts, decrypted[o] as readonly Float64Array[], size, sample, program.batch);
			const raw = { shape: output.encryptedShape, data };
			const warning = doubt(output, data);
			if (warning !== undefined) warnings.push(warning);
			outputs.set(output.name, { ...applyTail(raw, output.tail), raw });
		});
		for (const { name, shape, values } of program.knownOutputs ?? []) {
			const known = { shape, data: Float64Array.from(values) };
			outputs.set(name, { ...known, raw: known });
		}
		return { outputs, warnings };
	});
