/**
 * Nearest neighbours of an encrypted query among 1000 points of 64 numbers that the server knows, and among 100 of 16 that are
 * encrypted as well: distances by the server, the smallest by the client.
 *
 * node examples/search/main.ts
 */
import { compile, type Traced } from '../../compiler/index.ts';
import { createClient } from '../../runtime/client.ts';
import { createServer } from '../../runtime/server.ts';
import { distancesTo, inEncryptedDatabase, inPlainDatabase, nearest, type Points, randomPoints } from './search.ts';

const search = async (title: string, traced: Traced, points: Points, inputs: ReadonlyMap<string, Float64Array>) => {
	const { program } = compile(traced, { precision: 12 });
	const client = await createClient(program.client);
	const server = await createServer(program.server, program.constants);
	await server.loadKeys(await client.evaluationKeys());
	const request = await client.encrypt(inputs);
	const start = performance.now();
	const answer = await server.evaluate(request);
	const ms = performance.now() - start;
	const { outputs } = await client.decrypt(answer);
	const found = nearest(outputs.get('distances')?.data ?? [], 3);
	const expected = nearest(distancesTo(points, inputs.get('query') ?? new Float64Array()), 3);
	console.log(`${title}: nearest ${found.join(', ')}; in the clear ${expected.join(', ')}; ${ms.toFixed(0)} ms`);
	client.dispose();
	await server.dispose();
};

const [large, small] = [randomPoints(1000, 64, 1), randomPoints(100, 16, 2)];
const [query = new Float64Array(), other = new Float64Array()] = [randomPoints(1, 64, 3)[0], randomPoints(1, 16, 4)[0]];
await search('1000 points in the clear', inPlainDatabase(large), large, new Map([['query', query]]));
const database = Float64Array.from(small.flatMap((point) => [...point]));
const encryptedInputs = new Map([
	['query', other],
	['points', database],
]);
await search('100 encrypted points', inEncryptedDatabase(100, 16), small, encryptedInputs);
