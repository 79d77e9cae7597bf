/**
 * What a user waits and pays for, predicted beside measured: every model of the zoo, compiled, encrypted, evaluated by
 * the kernel on one thread, decrypted. Times are CPU time, which other processes hardly change, and predictions are for the machine of
 * the cost table; a line says how much slower this one is just now, and the ratios have that divided away. What is done
 * once, and the first evaluation, which also encodes the constants, pay for the compilation of cold code too; the other times are
 * means over the runs after that. Prints Markdown.
 *
 * npm run bench -- times [runs [name of one model]]
 */
import { models, type ZooModel } from '../models/index.ts';
import { createClient } from '../runtime/client.ts';
import { createServer } from '../runtime/server.ts';
import { onNotice } from './session.ts';
import { slownessHere } from './slowness.ts';
import { compileZoo, cpuTimed, rowsOf, steady, timed } from './zoo.ts';

const runs = Number(process.argv[2] ?? 3);
const only = process.argv[3];
const size = (bytes: number): string =>
	bytes < 1e5 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
const milliseconds = (ms: number): string => `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
const row = (...cells: readonly string[]): void => console.log(`| ${cells.join(' | ')} |`);

/** A line with a prediction, what was measured, and measured / predicted, on a machine `slowness` times as slow. */
const compared = (
	name: string,
	predicted: number,
	measured: number,
	show: (value: number) => string,
	slowness = 1,
): void => row(name, show(predicted), show(measured), (measured / predicted / slowness).toFixed(2));

/** One model; CPU milliseconds. */
const measure = async (model: ZooModel) => {
	const compiled = await timed(() => compileZoo(model));
	const { program, report, input } = compiled.result;
	const serverUp = await cpuTimed(() => createServer(program.server, program.constants, { onNotice }));
	const clientUp = await cpuTimed(() => createClient(program.client));
	const [client, server] = [clientUp.result, serverUp.result];
	const keys = await cpuTimed(() => client.evaluationKeys());
	const loaded = await cpuTimed(() => server.loadKeys(keys.result));
	const samples = rowsOf(model.samples).map((data) => new Map([[input, data]]));
	const sample = (k: number) => samples[k % samples.length] as (typeof samples)[number];
	const request = await client.encrypt(sample(0));
	const first = await cpuTimed(() => server.evaluate(request));
	const before = await slownessHere('kernel');
	const evaluate = await steady(() => server.evaluate(request), runs);
	const slowness = (before + (await slownessHere('kernel'))) / 2;
	const encrypt = await steady((k) => client.encrypt(sample(k)), runs);
	const decrypt = await steady(() => client.decrypt(first.result), runs);
	const peakBytes = server.peakBytes() ?? Number.NaN;
	client.dispose();
	await server.dispose();
	return {
		...{
			report,
			slowness,
			peakBytes,
			compileMs: compiled.ms,
			setUpMs: clientUp.ms,
			serverUpMs: serverUp.ms,
			keygenMs: keys.ms,
			loadKeysMs: loaded.ms,
		},
		...{ encryptMs: encrypt, firstEvaluateMs: first.ms, evaluateMs: evaluate, decryptMs: decrypt },
		...{ keyBytes: keys.result.length, uploadBytes: request.length, downloadBytes: first.result.length },
	};
};

for (const model of models) {
	if (only !== undefined && model.name !== only) continue;
	const { report, slowness, peakBytes, ...times } = await measure(model);
	const { parameters, counts, predicted } = report;
	const time = (name: string, expected: number, measured: number): void =>
		compared(name, expected, measured, milliseconds, slowness);
	row(model.name, 'predicted', 'measured', 'ratio');
	row('---', '---', '---', '---');
	row(
		'parameters',
		`N = ${parameters.ringDegree}, ${parameters.logQ} bits in ${parameters.primes.length} primes`,
		'',
		'',
	);
	row('operations take', 'as in the cost table', `${slowness.toFixed(2)} times as long`, '');
	row('rotations, relinearisations', `${counts.rotations}, ${counts.relinearizations}`, '', '');
	row('compile', '', milliseconds(times.compileMs), '');
	time('set-up of the client', predicted.setUpMs, times.setUpMs);
	row('set-up of the server', '', milliseconds(times.serverUpMs), '');
	time(`make ${report.keys.count} keys`, predicted.keygenMs, times.keygenMs);
	time('load them', predicted.loadKeysMs, times.loadKeysMs);
	time('encrypt', predicted.encryptMs, times.encryptMs);
	time('evaluate, first', predicted.firstEvaluateMs, times.firstEvaluateMs);
	time('evaluate', predicted.evaluateMs, times.evaluateMs);
	time('decrypt', predicted.decryptMs, times.decryptMs);
	compared('memory of the server', report.memory.total, peakBytes, size);
	compared('evaluation keys', report.keys.bytes, times.keyBytes, size);
	compared('upload', report.traffic.uploadBytes, times.uploadBytes, size);
	compared('download', report.traffic.downloadBytes, times.downloadBytes, size);
	console.log();
}
