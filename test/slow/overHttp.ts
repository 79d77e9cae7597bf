import * as assert from 'uvu/assert';
import { NOISE_ALLOWANCE } from '../../models/regression/measurement.ts';
import { keyLengths } from '../../runtime/sizes.ts';
import { modelOf } from '../remote/model.ts';
import { type ClientAnswer, startClient } from './client.ts';
import { serve, TOKENS } from './serve.ts';

/** What a model takes over HTTP, times in ms, of the slower of two clients. */
export type OverHttp = {
	readonly name: string;
	readonly ringDegree: number;
	readonly keyBytes: number;
	/** Loads SEAL and makes the secret key. */
	readonly setUpMs: number;
	/** Makes and sends the evaluation keys. */
	readonly keysMs: number;
	/** From the numbers to the answer, the first time: the server loads the keys, and evaluates for the other one as well. */
	readonly firstMs: number;
	/** The same when nobody else asks. */
	readonly nextMs: number;
	/** The most memory of the client, of the process that answers HTTP and of the one that evaluates. */
	readonly clientBytes: number;
	readonly serverBytes: number;
	readonly evaluatorBytes: number;
	/** What the client's peak grew by while it made and sent keys. */
	readonly keysGrowth: number;
	/** What of that came in the second half of the keys, and the longest of them. */
	readonly lateGrowth: number;
	readonly longestKey: number;
};

const most = (answers: readonly ClientAnswer[], of: 'ms' | 'peakBytes'): number =>
	Math.max(...answers.map((answer) => answer[of]));

/**
 * One model of the zoo, compiled as its baseline is, served by the command line in one process to two clients in two others, each with keys of its own,
 * at the same time. Fails where an answer is off by more than a program's prediction may be wrong. What was stored is removed.
 */
export const overHttp = async (name: string): Promise<OverHttp> => {
	const { compiled, sampleOf, errorOf } = modelOf(name);
	const { report, program } = compiled;
	const { parameters } = program.client;
	const served = await serve(compiled);
	const clients = TOKENS.map(startClient);
	const both = (work: (client: (typeof clients)[number], k: number) => Promise<ClientAnswer>) =>
		Promise.all(clients.map(work));
	const check = ({ outputs = [] }: ClientAnswer, k: number): void => {
		const found = new Map(outputs.map(([output, data]) => [output, { raw: { data } }]));
		const error = errorOf({ outputs: found }, k);
		assert.ok(error <= NOISE_ALLOWANCE, `${name}: ${error} of the predicted error`);
	};
	try {
		const connected = await both((client, k) => client.connect(served.url, TOKENS[k] ?? ''));
		const keys = await both((client) => client.sendKeys());
		const first = await both((client, k) => client.infer(sampleOf(k)));
		first.forEach(check);
		const next = (await clients[0]?.infer(sampleOf(2))) ?? { ms: Number.NaN, peakBytes: Number.NaN };
		check(next, 2);
		assert.ok(served.alive());
		const { server, evaluator } = served.peakBytes();
		return {
			...{ name, ringDegree: parameters.ringDegree, keyBytes: report.keys.bytes },
			...{ setUpMs: most(connected, 'ms'), keysMs: most(keys, 'ms'), firstMs: most(first, 'ms'), nextMs: next.ms },
			...{ clientBytes: most([...first, next], 'peakBytes'), serverBytes: server, evaluatorBytes: evaluator },
			lateGrowth: Math.max(...keys.map(({ peakBytes, halfBytes = 0 }) => peakBytes - halfBytes)),
			longestKey: Math.max(0, ...keyLengths(parameters, program.client.keys)),
			keysGrowth: Math.max(...keys.map(({ peakBytes }, k) => peakBytes - (connected[k]?.peakBytes ?? 0))),
		};
	} finally {
		await Promise.all(clients.map((client) => client.kill()));
		await served.stop();
	}
};
