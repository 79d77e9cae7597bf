import { totalBits } from './ckks/chain.ts';
import { type CkksCircuit, plainProductsOf } from './ckks/circuit.ts';
import { modulusLimit, RING_DEGREES } from './ckks/security.ts';
import { unlessRefused } from './errors.ts';
import { type CompileOptions, targetOf } from './options.ts';
import { choosePacking, isSamePacking, type Packing } from './packing/choose.ts';
import { hasUnknown, type Layout, UNKNOWN } from './packing/layout.ts';
import type { Stages } from './pipeline.ts';
import { parametersAt } from './rings.ts';
import { depthOf } from './slots/depths.ts';
import { costsOf } from './tradeoffs.ts';

/** What is done about the slots of an output in which none of its elements lies. */
export type OutputMasking = {
	readonly output: string;
	/** `none`: they are zero or copies of elements anyhow; `product`: a product with a mask clears them; `left`: they stay as they are. */
	readonly how: 'none' | 'product' | 'left';
	/** Slots in which the last layer leaves partial sums, which tell something of the weights. */
	readonly leftovers: number;
};

/** What masking adds to the program that the same model is without it: 0 where it is free, negative where it is less. */
export type MaskingPrice = {
	/** Is the program without it the same? */
	readonly free: boolean;
	/** The smallest ring degree that holds the modulus which is needed without it. */
	readonly ringDegree: number;
	readonly levels: number;
	readonly plainProducts: number;
	readonly rotations: number;
	readonly keys: number;
	/** Predicted, of an evaluation. */
	readonly milliseconds: number;
	/** Bits of log2(QP). */
	readonly modulus: number;
	/** Bits of predicted precision under encryption that it costs. */
	readonly bits: number;
};

export type MaskingReport = {
	readonly on: boolean;
	readonly outputs: readonly OutputMasking[];
	/** Only `compile` and `inspect` work it out, where masking is on. */
	readonly price?: MaskingPrice;
};

const leftoversIn = ({ parts }: Layout): number =>
	parts.reduce((count, part) => count + part.filter((element) => element === UNKNOWN).length, 0);

/** What the slots of every output hold beside its elements, by the layouts that were chosen. */
export const maskingOf = ({ core, packing, solution }: Stages, { masking = true }: CompileOptions): MaskingReport => {
	const { parameters, slots } = solution.circuit;
	const batch = parameters.ringDegree / 2 / slots;
	return {
		on: masking,
		outputs: core.outputs.map(({ name, id }): OutputMasking => {
			const layout = packing.choices[id]?.layout;
			const leftovers = layout === undefined ? 0 : batch * leftoversIn(layout);
			return { output: name, how: leftovers === 0 ? 'none' : masking ? 'product' : 'left', leftovers };
		}),
	};
};

const FREE = { levels: 0, plainProducts: 0, rotations: 0, keys: 0, milliseconds: 0, modulus: 0, bits: 0 } as const;

const productsIn = ({ ops }: CkksCircuit): number => ops.reduce((sum, op) => sum + plainProductsOf(op), 0);

/** Is there nothing to clear, and would the same kernels be chosen without masking? Then the programs are the same. */
const isFree = ({ core, packing }: Stages, unmasked: Packing): boolean =>
	!core.outputs.some(({ id }) => {
		const layout = packing.choices[id]?.layout;
		return layout !== undefined && hasUnknown(layout);
	}) && isSamePacking(unmasked.choices, packing.choices);

/** The smallest ring degree whose modulus may be so large. */
const ringHolding = ({ parameters }: CkksCircuit): number =>
	RING_DEGREES.find((ringDegree) => modulusLimit(ringDegree, parameters.security) >= totalBits(parameters)) ??
	parameters.ringDegree;

/**
 * What masking costs, against the same network packed without it, with parameters of its own at the same ring degree; undefined where
 * it is off, and where that other program cannot be: no parameters, or keys beyond their limits. Costs a search for a packing, and where that finds another one, the search for its parameters.
 */
export const maskingPriceOf = (stages: Stages, options: CompileOptions): MaskingPrice | undefined => {
	if (options.masking === false) return undefined;
	const { solution, lowered, knowledge } = stages;
	const { circuit } = solution;
	const { ringDegree } = circuit.parameters;
	const search = { ...stages.search, masked: false };
	const packing = choosePacking(search, ringDegree, targetOf(options));
	if (isFree(stages, packing)) return { free: true, ringDegree, ...FREE };
	const found = unlessRefused(() => parametersAt(search, packing, knowledge, options, ringDegree));
	if (found === undefined) return undefined;
	const other = found.solution.circuit;
	const [costs, without] = [costsOf(circuit, targetOf(options)), costsOf(other, targetOf(options))];
	return {
		free: false,
		// A ring that is larger than the modulus asks for has been chosen for its slots.
		ringDegree: ringHolding(circuit) < ringDegree ? ringDegree : Math.min(ringDegree, ringHolding(other)),
		levels: depthOf(lowered.circuit) - depthOf(found.lowered.circuit),
		plainProducts: productsIn(circuit) - productsIn(other),
		rotations: costs.rotations - without.rotations,
		keys: costs.keys - without.keys,
		milliseconds: Number((costs.evaluateMs - without.evaluateMs).toPrecision(3)),
		modulus: Number((totalBits(circuit.parameters) - totalBits(other.parameters)).toFixed(2)),
		bits: Number((found.solution.bits - solution.bits).toFixed(2)),
	};
};
