import { encodeMilliseconds, packingCostsOf } from '../ckks/cost.ts';
import type { Objective, Target, TargetBackend } from '../options.ts';
import { depthOf, depths, levelsOf } from '../tensor/depth.ts';
import type { CoreKind, Graph } from '../tensor/graph.ts';

/** Prices in milliseconds of predicted time, or what counts as much, at the level where a node is computed. */
export type Prices = {
	/** Once for each value that is rotated, by however many steps. */
	readonly decomposition: number;
	readonly rotation: number;
	/** Product with a plaintext, its encoding included where constants are not kept. */
	readonly product: number;
	/** Product of two ciphertexts, relinearised. */
	readonly multiply: number;
	/** One ciphertext from the client. */
	readonly upload: number;
	/** One rotation step that no layer used before: a key. */
	readonly step: number;
	/** Hiding what is left over in the slots of an output, one ciphertext. */
	readonly mask: number;
};

/** Milliseconds that a megabyte is worth: sent by the client with each request, sent once as keys, held by the server. */
type Weights = { readonly upload: number; readonly keys: number; readonly memory: number };

const WEIGHTS: { readonly [B in TargetBackend]: { readonly [O in Objective]: Weights } } = {
	seal: {
		latency: { upload: 40, keys: 1, memory: 0 },
		throughput: { upload: 5, keys: 0.1, memory: 0 },
		upload: { upload: 4000, keys: 2, memory: 0 },
		keys: { upload: 40, keys: 100, memory: 0 },
		memory: { upload: 40, keys: 1, memory: 30 },
	},
	kernel: {
		latency: { upload: 10, keys: 0.5, memory: 0 },
		throughput: { upload: 1, keys: 0.05, memory: 0 },
		upload: { upload: 1000, keys: 0.5, memory: 0 },
		keys: { upload: 10, keys: 20, memory: 0 },
		memory: { upload: 10, keys: 0.5, memory: 6 },
	},
};

const MEGABYTE = 2 ** 20;
/** Primes for each level of the graph: several products share a prime. */
const PRIMES_PER_LEVEL = 0.75;

/** Where memory is dear, constants are not kept: they cost time instead. */
const keepsConstants = ({ memory }: Weights): boolean => memory === 0;

/** The prices of every node. Levels are those of the graph, and primes are counted from them: parameters are not known yet. */
export const pricesOf = (
	graph: Graph<CoreKind>,
	ringDegree: number,
	{ objective, backend }: Target,
): readonly Prices[] => {
	const after = depths(graph.nodes);
	const depth = depthOf(graph);
	const weights = WEIGHTS[backend][objective];
	const primesAt = (level: number): number => 1 + Math.max(1, Math.round(PRIMES_PER_LEVEL * level));
	const top = primesAt(depth);
	const polynomial = (ringDegree * 8) / MEGABYTE;
	return graph.nodes.map((node, id) => {
		const primes = primesAt(depth - (after[id] as number) + levelsOf(node));
		const costs = packingCostsOf(ringDegree, primes, backend);
		const encode = keepsConstants(weights) ? 0 : encodeMilliseconds(ringDegree, top, primes - 1, backend);
		const product = costs.product + encode;
		// SEAL holds whole keys, whatever levels they serve.
		const held = backend === 'seal' ? top : primes;
		return {
			...costs,
			product,
			// Half of a fresh ciphertext, and of a key, is a seed. Inputs are loaded one by one: they take no memory to speak of.
			upload: top * polynomial * weights.upload,
			step: (primes * (primes + 1) * weights.keys + 2 * held * (held + 1) * weights.memory) * polynomial,
			mask: product,
		};
	});
};

/** What a level costs: about its share of the time of a network that costs `cost`. */
export const levelPrice = (graph: Graph<CoreKind>, cost: number): number => (2 * cost) / (depthOf(graph) + 2);
