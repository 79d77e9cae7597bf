import type { OpNode } from './call.ts';
import { recogniseClip } from './recognise/clips.ts';
import type { Model, Recogniser } from './recognise/form.ts';
import { recogniseGate } from './recognise/gates.ts';
import { recogniseChoice, recogniseLogarithm, recogniseQuotient } from './recognise/pieces.ts';
import { recogniseLogShares, recogniseShares } from './recognise/scores.ts';
import { recogniseLogSoftmax, recogniseSoftmax } from './recognise/softmax.ts';

/** By the operator that a pattern ends with, the recognisers in the order in which they are asked. */
const RECOGNISERS: Readonly<Record<string, readonly Recogniser[]>> = {
	Clip: [recogniseClip],
	Div: [recogniseGate, recogniseQuotient, recogniseSoftmax],
	Exp: [recogniseShares],
	Log: [recogniseLogarithm, recogniseLogSoftmax],
	Max: [recogniseClip],
	Min: [recogniseClip],
	Mul: [recogniseGate],
	Reciprocal: [recogniseQuotient],
	Relu: [recogniseClip],
	Sub: [recogniseLogShares],
	Where: [recogniseChoice],
};

/**
 * Functions that exporters spell out, put together again before anything is imported: one polynomial is fitted to GELU, not
 * one to its error function and a product after it. What is recognised is listed at each recogniser.
 *
 * Only the last node is replaced; the others are dropped as dead code unless something else reads them. The last node
 * computes the same value as before, so that this is sound whatever else reads the inner ones. A pattern may consist of
 * others, as Mish does of Softplus: what became a standard operator is seen as that operator.
 */
export const recognise = (nodes: readonly OpNode[], number: Model['number']): readonly OpNode[] => {
	const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
	const model: Model = { producer: (name) => producers.get(name), number };
	return nodes.map((node) => {
		const recognisers = node.domain === '' && Object.hasOwn(RECOGNISERS, node.op) ? RECOGNISERS[node.op] : undefined;
		for (const recogniser of recognisers ?? []) {
			const found = recogniser(model, node);
			if (found === undefined) continue;
			const replaced = { ...node, ...found };
			if (replaced.domain === '') for (const name of node.outputs) producers.set(name, replaced);
			return replaced;
		}
		return node;
	});
};
