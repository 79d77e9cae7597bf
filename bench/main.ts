/**
 * What a user waits and pays for, predicted beside measured: every model of the zoo, compiled, encrypted, evaluated by
 * node-seal on one thread, decrypted. Medians over the runs, the first one left out (it also encodes the constants); machines
 * differ, so compare ratios. Prints Markdown.
 *
 * npm run bench [-- runs]
 */
import { models } from '../models/index.ts';
import { createClient } from '../runtime/client.ts';
import { createServer } from '../runtime/server.ts';
import { compileZoo, median, rowsOf, timed } from './zoo.ts';

const runs = Number(process.argv[2] ?? 5);
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const milliseconds = (ms: number): string => `${ms.toFixed(0)} ms`;
const row = (...cells: readonly string[]): void => console.log(`| ${cells.join(' | ')} |`);

for (const model of models) {
	const compiled = await timed(() => compileZoo(model));
	const { program, report, input } = compiled.result;
	const setUp = await timed(async () => ({
		client: await createClient(program.client),
		server: await createServer(program.server, program.constants),
	}));
	const { client, server } = setUp.result;
	const keys = await timed(() => client.evaluationKeys());
	const loaded = await timed(() => server.loadKeys(keys.result));
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
	const { parameters, counts } = report;
	const middle = (times: readonly number[]): string => milliseconds(median(times.slice(1)));
	row(model.name, 'predicted', 'measured');
	row('---', '---', '---');
	row('parameters', `N = ${parameters.ringDegree}, ${parameters.logQ} bits in ${parameters.primes.length} primes`, '');
	row('rotations, relinearisations', `${counts.rotations}, ${counts.relinearizations}`, '');
	row('compile', '', milliseconds(compiled.ms));
	row('set-up of both sides', '', milliseconds(setUp.ms));
	row(`make, load ${report.keys.count} keys`, '', `${milliseconds(keys.ms)}, ${milliseconds(loaded.ms)}`);
	row('encrypt', '', middle(steps.encrypt));
	row('evaluate', milliseconds(report.predicted.evaluateMs), middle(steps.evaluate));
	row('decrypt', '', middle(steps.decrypt));
	row('evaluation keys', megabytes(report.keys.bytes), megabytes(keys.result.length));
	row(
		'upload, download',
		megabytes(report.traffic.uploadBytes),
		`${megabytes(traffic.up)}, ${megabytes(traffic.down)}`,
	);
	console.log();
	client.dispose();
	await server.dispose();
}
