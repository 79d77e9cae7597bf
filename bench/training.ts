/**
 * Logistic regression trained on encrypted data (examples/training): one, two and four iterations in a circuit. Prints Markdown.
 *
 * npm run bench -- training [--iterations 1 ...: 1, 2 and 4 by default] [--write: into the section of a document]
 */
import { parseArgs } from 'node:util';
import { readData } from '../examples/training/data.ts';
import {
	accuracy,
	decisions,
	polynomialSigmoid,
	type State,
	sigmoid,
	trainPlainly,
} from '../examples/training/plain.ts';
import { chosen, ITERATIONS } from '../examples/training/settings.ts';
import { compileTraining, errorOfRound, furthest, openEncrypted, train } from '../examples/training/train.ts';
import { duration, machine, megabytes, publish, table } from './table.ts';
import { cpuTimed } from './zoo.ts';

const { values } = parseArgs({
	options: {
		iterations: { type: 'string', multiple: true, default: ['1', '2', '4'] },
		write: { type: 'boolean', default: false },
	},
});

const data = readData();
const settings = { ...chosen, rows: data.train.length };
const columns = data.train[0]?.length ?? 0;
const plainly = (activation: (z: number) => number): Float64Array =>
	(trainPlainly(data.train, activation, settings, ITERATIONS).at(-1) as State).w;
const exact = plainly(polynomialSigmoid);

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** One whole training under encryption. */
const measure = async (iterations: number): Promise<readonly string[]> => {
	const training = compileTraining(columns, settings, iterations);
	const session = await openEncrypted(training);
	const rounds = ITERATIONS / iterations;
	const { result, ms } = await cpuTimed(() => train(training, data.train, rounds, session.evaluate));
	const { keyBytes, dataBytes, stateBytes, answerBytes } = session.traffic();
	const peak = session.peakBytes();
	await session.close();
	const { parameters, counts } = training.compiled.report;
	const expected = decisions(data.test, exact);
	const alike = decisions(data.test, result.w).filter((right, i) => right === expected[i]).length;
	console.error(`${iterations} iterations in a circuit are done`);
	return [
		String(iterations),
		String(parameters.ringDegree),
		String(counts.depth),
		percent(accuracy(data.test, result.w)),
		`${alike} of ${data.test.length}`,
		furthest(result.w, exact).toFixed(4),
		errorOfRound(training).toFixed(4),
		duration(session.evaluateMs() / ITERATIONS),
		duration(ms),
		megabytes(keyBytes),
		megabytes(dataBytes),
		`${megabytes(stateBytes / rounds)} / ${megabytes(answerBytes / rounds)}`,
		megabytes(peak ?? Number.NaN),
	];
};

const head = [
	...['iterations in a circuit', 'N', 'levels', 'test accuracy', 'decisions as in the clear'],
	...['weights off by', 'predicted bound, a round', 'server, each iteration', 'both sides, all', 'keys', 'data'],
	...['state, each round: up / down', 'memory of the server'],
];
const rows: (readonly string[])[] = [];
for (const iterations of values.iterations) rows.push(await measure(Number(iterations)));
const weight = exact.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const text = `${table(head, rows)}

${ITERATIONS} iterations on ${settings.rows} rows of ${columns - 1} features, encrypted for real, CPU time on one thread; the largest weight is ${weight.toFixed(2)}. Trained in the clear with the same polynomial:
${percent(accuracy(data.test, exact))}; with the sigmoid itself: ${percent(accuracy(data.test, plainly(sigmoid)))} of the ${data.test.length} test rows. ${machine()}.`;
publish('training', text, values.write);
