/**
 * What other ways of evaluating the same networks cost: TenSEAL's (bench/peers/tenseal.ts) and fixed kernels in the way of EVA
 * (bench/peers/eva.ts) beside ours, for one sample. Peers are recorded as slot circuits, checked on a sample against the
 * network in the clear, and counted. Their keys and input are as small as their residues, ours as sent. Prints Markdown.
 * What TenSEAL and native SEAL take on this machine is measured by the benchmark "kernel", with --peers.
 *
 * npm run bench -- compare [name ...]
 */
import { readFileSync } from 'node:fs';
import { models, type ZooModel } from '../models/index.ts';
import { byEva } from './peers/eva.ts';
import { applyNetwork, readNetwork } from './peers/network.ts';
import { evaluateRecorded, type PeerCosts, type Recorded, sum } from './peers/recorded.ts';
import { byTenseal } from './peers/tenseal.ts';
import { compileZoo, rowsOf } from './zoo.ts';

/** Those of the zoo whose activations are polynomials already: the peers have no pass that would replace others. */
const NETWORKS = ['mnist-cryptonets', 'tenseal-mnist', 'lenet5-mnist', 'mlp-mnist', 'breast-cancer-logistic'];
/** Relative to the largest value: float64 sums in another order. */
const EXACT = 1e-9;

const ours = (model: ZooModel): PeerCosts => {
	const { counts, parameters, keys, memory, traffic } = compileZoo(model).report;
	return {
		keySwitches: counts.rotations + counts.relinearizations,
		plainProducts: counts.plainProducts,
		ringDegree: parameters.ringDegree,
		primes: parameters.primes,
		keys: keys.count,
		keyBytes: keys.bytes,
		keyMemory: memory.keys,
		uploadBytes: traffic.uploadBytes,
	};
};

/** Fails unless the circuit computes what the network does. */
const check = (name: string, recorded: Recorded, x: Float64Array, expected: Float64Array): void => {
	const actual = evaluateRecorded(recorded, x);
	const allowed = EXACT * Math.max(1, ...expected.map(Math.abs));
	const wrong = expected.findIndex((value, i) => !(Math.abs(value - (actual[i] as number)) <= allowed));
	if (wrong >= 0) throw new Error(`${name}: output ${wrong} is ${actual[wrong]} instead of ${expected[wrong]}`);
};

const row = (...cells: readonly string[]): void => console.log(`| ${cells.join(' | ')} |`);
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 1)} MB`;
const costRow = (network: string, way: string, costs: PeerCosts): void =>
	row(
		network,
		way,
		String(costs.keySwitches),
		String(costs.plainProducts),
		String(costs.ringDegree),
		`${Math.round(sum(costs.primes))} in ${costs.primes.length}`,
		String(costs.keys),
		megabytes(costs.keyBytes),
		megabytes(costs.keyMemory),
		megabytes(costs.uploadBytes),
	);

row(
	'network',
	'way',
	'key switches',
	'plaintext products',
	'N',
	'log QP',
	'keys',
	'keys sent',
	'keys in memory',
	'upload',
);
row(...Array<string>(10).fill('---'));
for (const model of models.filter(({ name }) => NETWORKS.includes(name))) {
	if (process.argv.length > 2 && !process.argv.includes(model.name)) continue;
	const network = readNetwork(readFileSync(new URL(`../models/${model.path}`, import.meta.url)));
	const x = network.standardise(rowsOf(model.samples)[0] ?? new Float64Array());
	const expected = applyNetwork(network, x);
	costRow(model.name, 'onnx-seal', ours(model));
	for (const [way, peer] of [
		['TenSEAL', byTenseal(network)],
		['EVA', byEva(network, x)],
	] as const) {
		check(`${model.name} by ${way}`, peer.recorded, x, expected);
		costRow('', way, peer.costs);
	}
}
