/**
 * What a user waits and pays for, predicted beside measured: every model of the zoo, compiled, encrypted, evaluated by
 * node-seal on one thread, decrypted. Medians over the runs; compare ratios, machines differ.
 *
 * npm run bench [-- runs]
 */
import Table from 'cli-table3';
import { models } from '../models/index.ts';
import { createClient } from '../runtime/client.ts';
import { createServer } from '../runtime/server.ts';
import { compileZoo, median, rowsOf, timed } from './zoo.ts';

const runs = Number(process.argv[2] ?? 5);
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;
const milliseconds = (ms: number): string => `${ms.toFixed(0)} ms`;
const table = new Table({ head: ['model', 'what', 'predicted', 'measured'] });

for (const model of models) {
	const compiled = await timed(() => compileZoo(model));
	const { program, report, input } = compiled.result;
	const setUp = await timed(async () => ({
		client: await createClient(program.client),
		server: await createServer(program.server, program.constants),
	}));
	const { client, server } = setUp.result;
	const keys = await timed(() => client.evaluationKeys());
	await server.loadKeys(keys.result);
	const steps = { encrypt: [] as number[], evaluate: [] as number[], decrypt: [] as number[] };
	let traffic = { up: 0, down: 0 };
	for (const data of rowsOf(model.samples).slice(0, runs + 1)) {
		const encrypted = await timed(() => client.encrypt(new Map([[input, data]])));
		const evaluated = await timed(() => server.evaluate(encrypted.result));
		const decrypted = await timed(() => client.decrypt(evaluated.result));
		steps.encrypt.push(encrypted.ms);
		steps.evaluate.push(evaluated.ms);
		steps.decrypt.push(decrypted.ms);
		traffic = { up: encrypted.result.length, down: evaluated.result.length };
	}
	// The first evaluation also encodes the constants.
	const warm = (times: readonly number[]): string => milliseconds(median(times.slice(1)));
	table.push(
		[model.name, 'compile', '', milliseconds(compiled.ms)],
		['', 'set-up of both sides', '', milliseconds(setUp.ms)],
		['', `make ${report.keys.count} keys`, '', milliseconds(keys.ms)],
		['', 'encrypt', '', warm(steps.encrypt)],
		[
			'',
			`evaluate, ${report.counts.rotations} rotations, N = ${report.parameters.ringDegree}`,
			milliseconds(report.predicted.evaluateMs),
			warm(steps.evaluate),
		],
		['', 'first evaluation', '', milliseconds(steps.evaluate[0] ?? 0)],
		['', 'decrypt', '', warm(steps.decrypt)],
		['', 'keys as sent', megabytes(report.keys.bytes), megabytes(keys.result.length)],
		['', 'upload', megabytes(report.traffic.uploadBytes), megabytes(traffic.up)],
		['', 'download', megabytes(report.traffic.downloadBytes), megabytes(traffic.down)],
	);
	client.dispose();
	server.dispose();
}
console.log(table.toString());
