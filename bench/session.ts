/** One compiled model with its two sides, keys loaded and a request encrypted: what the benchmarks evaluate. */
import type { Compiled } from '../compiler/index.ts';
import { createClient } from '../runtime/client.ts';
import { evaluateLocally } from '../runtime/local.ts';
import { createServer, type EngineName } from '../runtime/server.ts';

/** For servers that must compute as they are asked to. */
export const onNotice = (text: string): never => {
	throw new Error(text);
};

/**
 * A server that computes with `backend`, and no other: throws where another took its place, and where an answer differs from that
 * of the clear backend by more than was predicted.
 */
export const openSession = async (
	{ program }: Compiled,
	samples: readonly ReadonlyMap<string, Float64Array>[],
	backend: EngineName,
	threads = 1,
) => {
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants, { backend, threads, onNotice });
	await server.loadKeys(await client.evaluationKeys());
	const encrypt = () => client.encryptBatch(samples);
	const request = await encrypt();
	const evaluate = () => server.evaluate(request);
	const answer = await evaluate();
	const decrypt = () => client.decryptBatch(answer);
	const error = await errorOf(program, samples.slice(0, 1), await decrypt());
	return {
		...{ encrypt, evaluate, decrypt, error },
		/** The most bytes that the server took. */
		peakBytes: () => server.peakBytes() ?? Number.NaN,
		close: async () => {
			client.dispose();
			await server.dispose();
		},
	};
};

/** The largest error of the answers, as a share of what was predicted. */
const errorOf = async (
	program: Compiled['program'],
	samples: readonly ReadonlyMap<string, Float64Array>[],
	answers: Awaited<ReturnType<Awaited<ReturnType<typeof createClient>>['decryptBatch']>>,
): Promise<number> => {
	const expected = await evaluateLocally(program, 'clear', samples);
	let worst = 0;
	for (const { name, predictedError } of program.client.outputs)
		expected.forEach(({ outputs }, k) => {
			const exact = outputs.get(name)?.raw.data ?? new Float64Array();
			const found = answers[k]?.outputs.get(name)?.raw.data ?? new Float64Array();
			for (const [i, value] of exact.entries())
				worst = Math.max(worst, Math.abs(value - (found[i] ?? Number.NaN)) / predictedError);
		});
	if (!(worst <= 1)) throw new Error(`${program.client.name}: an answer is off by ${worst} times the predicted error`);
	return worst;
};
