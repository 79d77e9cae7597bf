/**
 * Trains a logistic regression on encrypted data: the server sees neither rows, nor labels, nor weights.
 *
 *     node examples/training/main.ts [--iterations 2] [--simulate]
 *
 * --iterations: iterations of a round, 1, 2 or 4; after each round the data owner decrypts the weights and encrypts them anew.
 * --simulate: the noise of encryption without encryption.
 */
import { parseArgs } from 'node:util';
import { readData } from './data.ts';
import { accuracy, decisions, polynomialSigmoid, sigmoid, trainPlainly } from './plain.ts';
import { chosen, ITERATIONS } from './settings.ts';
import { compileTraining, furthest, openEncrypted, simulated, train } from './train.ts';

const { values } = parseArgs({ options: { iterations: { type: 'string' }, simulate: { type: 'boolean' } } });
const iterations = Number(values.iterations ?? 2);
if (![1, 2, 4].includes(iterations)) throw new Error('--iterations takes 1, 2 or 4');

/** Says how long it is since it was last asked. */
const stopwatch = (): (() => string) => {
	let last = performance.now();
	return () => {
		const since = last;
		last = performance.now();
		return `${((last - since) / 1000).toFixed(1)} s`;
	};
};
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const data = readData();
const columns = data.train[0]?.length ?? 0;
const settings = { ...chosen, rows: data.train.length };

const lap = stopwatch();
const training = compileTraining(columns, settings, iterations);
const { parameters, counts } = training.compiled.report;
console.log(
	`Compiled in ${lap()}: ${iterations} iterations in a circuit, N = ${parameters.ringDegree}, ${counts.depth} levels.`,
);

const session = values.simulate === true ? undefined : await openEncrypted(training);
const evaluate = session?.evaluate ?? simulated(training);
lap();
const { w } = await train(training, data.train, ITERATIONS / iterations, evaluate, (state, iteration) => {
	console.log(
		`iteration ${String(iteration).padStart(2)}: training accuracy ${percent(accuracy(data.train, state.w))}, ${lap()}`,
	);
});

const [plain, exact] = [polynomialSigmoid, sigmoid].map(
	(activation) => trainPlainly(data.train, activation, settings, ITERATIONS).at(-1)?.w ?? new Float64Array(),
);
if (plain === undefined || exact === undefined) throw new Error('nothing was trained');
const alike = decisions(data.test, plain).filter((right, i) => right === decisions(data.test, w)[i]).length;
console.log(
	`Test accuracy: ${percent(accuracy(data.test, w))}; ${alike} of ${data.test.length} decisions as in the clear.`,
);
console.log(
	`In the clear: ${percent(accuracy(data.test, plain))} with the same polynomial, ${percent(accuracy(data.test, exact))} with the sigmoid.`,
);
console.log(`Weights differ by ${furthest(w, plain).toFixed(4)} at most.`);
if (session !== undefined) {
	const { keyBytes, dataBytes, stateBytes, answerBytes } = session.traffic();
	const rounds = ITERATIONS / iterations;
	console.log(
		`Sent: keys ${megabytes(keyBytes)} and data ${megabytes(dataBytes)} once, ${megabytes(stateBytes / rounds)} in a round, ${megabytes(answerBytes / rounds)} back; the server took ${megabytes(session.peakBytes() ?? 0)}.`,
	);
	await session.close();
}
