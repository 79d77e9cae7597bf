import { encodeMilliseconds, operationMilliseconds } from '../ckks/cost.ts';
import type { Objective } from '../options.ts';
import { depthOf, depths, levelsOf } from '../tensor/depth.ts';
import type { CoreKind, Graph } from '../tensor/graph.ts';

/** Prices in milliseconds of predicted time, or what counts as much, at the level where a node is computed. */
export type Prices = {
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

const WEIGHTS: { readonly [O in Objective]: Weights } = {
	latency: { upload: 40, keys: 1, memory: 0 },
	throughput: { upload: 5, keys: 0.1, memory: 0 },
	upload: { upload: 4000, keys: 2, memory: 0 },
	keys: { upload: 40, keys: 100, memory: 0 },
	memory: { upload: 40, keys: 1, memory: 30 },
};

const MEGABYTE = 2 ** 20;
/** Primes for each level of the graph: several products share a prime. */
const PRIMES_PER_LEVEL = 0.75;

/** Where memory is dear, constants are not kept: they cost time instead. */
const keepsConstants = ({ memory }: Weights): boolean => memory === 0;

/** The prices of every node. Levels are those of the graph, and primes are counted from them: parameters are not known yet. */
export const pricesOf = (graph: Graph<CoreKind>, ringDegree: number, objective: Objective): readonly Prices[] => {
	const after = depths(graph.nodes);
	const depth = depthOf(graph);
	const weights = WEIGHTS[objective];
	const primesAt = (level: number): number => 1 + Math.max(1, Math.round(PRIMES_PER_LEVEL * level));
	const top = primesAt(depth);
	const polynomial = (ringDegree * 8) / MEGABYTE;
	const milliseconds = (kind: 'rotate' | 'multiplyPlain' | 'multiply' | 'relinearize', primes: number): number =>
		operationMilliseconds(kind, ringDegree, primes);
	const encode = keepsConstants(weights) ? 0 : encodeMilliseconds(ringDegree, top);
	const keyMemory = 2 * top * (top + 1) * polynomial * weights.memory;
	return graph.nodes.map((node, id) => {
		const primes = primesAt(depth - (after[id] as number) + levelsOf(node));
		const product = milliseconds('multiplyPlain', primes) + encode;
		return {
			rotation: milliseconds('rotate', primes),
			product,
			multiply: milliseconds('multiply', primes) + milliseconds('relinearize', primes),
			// Half of a fresh ciphertext, and of a key, is a seed. Inputs are loaded one by one: they take no memory to speak of.
			upload: top * polynomial * weights.upload,
			step: primes * (primes + 1) * polynomial * weights.keys + keyMemory,
			mask: product,
		};
	});
};

/** What a level costs: about its share of the time of a network that costs `cost`. */
export const levelPrice = (graph: Graph<CoreKind>, cost: number): number => (2 * cost) / (depthOf(graph) + 2);
