import type { Program } from '../../compiler/index.ts';
import { createClient } from '../../runtime/client.ts';
import type { Result } from '../../runtime/results.ts';
import { createServer, type ServerOptions } from '../../runtime/server.ts';
import type { Sample } from './support.ts';

/** Outputs before their tails, by name. */
export const rawOf = ({ outputs }: Result): ReadonlyMap<string, Float64Array> =>
	new Map([...outputs].map(([name, { raw }]) => [name, raw.data]));

/** Encrypts, computes and decrypts all samples as two machines would, as many at once as the program takes. */
export const runEncrypted = async (
	program: Program,
	samples: readonly Sample[],
	options: Pick<ServerOptions, 'backend' | 'threads'> = {},
): Promise<readonly Result[]> => {
	const client = await createClient(program.client);
	const onNotice = (text: string): never => {
		throw new Error(text);
	};
	const server = await createServer(program.server, program.constants, { ...options, onNotice });
	await server.loadKeys(await client.evaluationKeys());
	const results: Result[] = [];
	const { batch } = program.client;
	for (let first = 0; first < samples.length; first += batch) {
		const message = await client.encryptBatch(samples.slice(first, first + batch));
		results.push(...(await client.decryptBatch(await server.evaluate(message))));
	}
	client.dispose();
	await server.dispose();
	return results;
};
