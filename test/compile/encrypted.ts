import type { Program } from '../../compiler/index.ts';
import { createClient } from '../../runtime/client.ts';
import type { Result } from '../../runtime/results.ts';
import { createServer } from '../../runtime/server.ts';
import type { Sample } from './support.ts';

/** Encrypts, computes and decrypts all samples with SEAL, as two machines would, as many at once as the program takes. */
export const runEncrypted = async (program: Program, samples: readonly Sample[]): Promise<readonly Result[]> => {
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants);
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
