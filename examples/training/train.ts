import { type Compiled, compile } from '../../compiler/index.ts';
import { createClient } from '../../runtime/client.ts';
import { LocalEvaluator } from '../../runtime/local.ts';
import type { Result } from '../../runtime/results.ts';
import { createServer, joinInputs } from '../../runtime/server.ts';
import { cpuMilliseconds } from '../cpu.ts';
import { scalesOf, trainingCircuit } from './circuit.ts';
import { packed } from './data.ts';
import { polynomialSigmoid, type Rows, type State, trainPlainly, zeroState } from './plain.ts';
import { ITERATIONS, type Settings } from './settings.ts';
import { syntheticRows } from './synthetic.ts';

/** The program of a round and what it is for. */
export type Training = {
	readonly compiled: Compiled;
	readonly settings: Settings;
	/** Iterations of a round. */
	readonly iterations: number;
	/** Rows and columns with the zeros behind. */
	readonly height: number;
	readonly width: number;
	/** Columns that are no zeros. */
	readonly columns: number;
};

const nextPowerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(n));

/** The inputs of a round, as the circuit takes them. */
export type RoundInputs = { readonly X: Float64Array; readonly v: Float64Array; readonly w: Float64Array };

const roundInputs = (training: Omit<Training, 'compiled'>, X: Float64Array, { v, w }: State): RoundInputs => {
	const { into } = scalesOf(training.settings, training.iterations);
	const divided = (values: Float64Array, by: number): Float64Array =>
		packed([values.map((value) => value / by)], 1, training.width);
	return { X, v: divided(v, into.v), w: divided(w, into.w) };
};

/** The state that a round ends with. */
const stateOf = ({ settings, iterations, columns }: Training, { outputs, warnings }: Result): State => {
	if (warnings.length > 0) throw new Error(warnings.join('; '));
	const { out } = scalesOf(settings, iterations);
	const read = (name: string, scale: number): Float64Array =>
		(outputs.get(name)?.data ?? new Float64Array()).slice(0, columns).map((value) => value * scale);
	return { v: read('next_v', out.v), w: read('next_w', out.w) };
};

/** The largest error of w after one round that starts from exact values, as predicted. */
export const errorOfRound = ({ compiled, settings, iterations }: Training): number =>
	scalesOf(settings, iterations).out.w *
	(compiled.program.client.outputs.find(({ name }) => name === 'next_w')?.predictedError ?? Number.NaN);

/**
 * Compiles a round of so many iterations for rows of `columns` numbers. What the compiler takes its ranges from are made-up rows and
 * the weights that training on these goes through: it sees nothing of the data.
 */
export const compileTraining = (
	columns: number,
	settings: Settings,
	iterations: number,
	options: { readonly precision?: number } = {},
): Training => {
	const [height, width] = [nextPowerOfTwo(settings.rows), nextPowerOfTwo(columns)];
	const training = { settings, iterations, height, width, columns };
	const rows = syntheticRows(settings.rows, columns - 1);
	const states = trainPlainly(rows, polynomialSigmoid, settings, ITERATIONS).filter((_, k) => k % CALIBRATED === 0);
	const X = packed(rows, height, width);
	const samples = states.map((state) => roundInputs(training, X, state));
	const calibration = new Map(
		(['X', 'v', 'w'] as const).map((name) => [name, samples.map((sample) => sample[name])] as const),
	);
	const circuit = trainingCircuit({ rows: height, columns: width }, settings, iterations);
	return { compiled: compile(circuit, { ...options, calibration }), ...training };
};

/** Of the states of the made-up training each so many'th is a sample. */
const CALIBRATED = 6;

/** What computes a round: inputs in, outputs out. */
export type Evaluate = (inputs: RoundInputs) => Promise<Result>;

/** Bytes that were sent: keys and data once, the state in every round, and what came back. */
export type Traffic = {
	readonly keyBytes: number;
	readonly dataBytes: number;
	readonly stateBytes: number;
	readonly answerBytes: number;
};

/** The two sides of a training in this process; what goes from one to the other is bytes. */
export const openEncrypted = async ({ compiled: { program } }: Training, threads = 1) => {
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants, { threads });
	const keys = await client.evaluationKeys();
	await server.loadKeys(keys);
	const sizes = { dataBytes: 0, stateBytes: 0, answerBytes: 0 };
	let evaluateMs = 0;
	let data: { readonly X: Float64Array; readonly message: Uint8Array } | undefined;
	const evaluate: Evaluate = async ({ X, v, w }) => {
		// The server keeps the data: they are encrypted and sent in the first round only.
		if (data?.X !== X) {
			data = { X, message: await client.encryptInput('X', X) };
			sizes.dataBytes += data.message.length;
		}
		const state = [await client.encryptInput('v', v), await client.encryptInput('w', w)] as const;
		sizes.stateBytes += state[0].length + state[1].length;
		const start = cpuMilliseconds();
		const messages = new Map([
			['X', data.message],
			['v', state[0]],
			['w', state[1]],
		]);
		const answer = await server.evaluate(await joinInputs(server.program, messages));
		evaluateMs += cpuMilliseconds() - start;
		sizes.answerBytes += answer.length;
		return client.decrypt(answer);
	};
	return {
		evaluate,
		traffic: (): Traffic => ({ keyBytes: keys.length, ...sizes }),
		/** CPU time of the server for all rounds, without keys. */
		evaluateMs: () => evaluateMs,
		/** The most bytes that the server took. */
		peakBytes: () => server.peakBytes(),
		close: async () => {
			client.dispose();
			await server.dispose();
		},
	};
};

/** The noise of encryption without encryption. */
export const simulated = ({ compiled }: Training, seed = 1): Evaluate => {
	const local = new LocalEvaluator(compiled.program, 'simulate', { seed });
	return async (inputs) =>
		local.run([new Map(Object.entries(inputs))])[0] ?? { outputs: new Map(), warnings: ['there is no result'] };
};

/**
 * Trains for so many rounds: in each the data owner encrypts the state, the server computes the iterations of a round with it and the
 * data, and the owner decrypts the state, which makes it fresh for the next round. `onRound` sees the state after each.
 */
export const train = async (
	training: Training,
	rows: Rows,
	rounds: number,
	evaluate: Evaluate,
	onRound: (state: State, iteration: number) => void = () => {},
): Promise<State> => {
	const X = packed(rows, training.height, training.width);
	let state = zeroState(training.columns);
	for (let round = 1; round <= rounds; round++) {
		state = stateOf(training, await evaluate(roundInputs(training, X, state)));
		onRound(state, round * training.iterations);
	}
	return state;
};

/** The largest difference of two vectors. */
export const furthest = (a: Float64Array, b: Float64Array): number =>
	a.reduce((most, value, j) => Math.max(most, Math.abs(value - (b[j] ?? Number.NaN))), 0);
