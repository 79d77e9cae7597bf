/**
 * As many samples as there are slots, all in the same ciphertexts: samples per hour of the server, and what encryption and
 * decryption take beside it. One thread; CPU time, so that samples per hour are those of a processor that does nothing else. The
 * answer of the first sample is checked. Prints Markdown; with --write
 * also into docs/benchmarks.md.
 *
 * npm run bench -- throughput [--rounds n] [--quick] [--write] [model]
 */
import { models } from '../models/index.ts';
import { alternating, benchArguments, median, sideOf } from './alternate.ts';
import { openSession } from './session.ts';
import { duration, machine, megabytes, publish, table } from './table.ts';
import { compileZoo, rowsOf } from './zoo.ts';

const { effort: given, names, write } = benchArguments(3);
/** Runs take seconds: nothing is repeated within a round, and one run leaves nothing cold. */
const effort = { ...given, blockMs: 0, warmMs: 0 };
const HOUR = 3600e3;
const [name = 'mnist-cryptonets'] = names;
const model = models.find((candidate) => candidate.name === name);
if (model === undefined)
	throw new Error(`There is no model "${name}"; there are ${models.map((m) => m.name).join(', ')}.`);

/** The program with as many samples as it has slots: they are known once it is compiled. */
const compileFull = () => {
	for (let batch = 2 ** 11; ; batch *= 2) {
		const compiled = compileZoo(model, { batch });
		if (compiled.report.parameters.ringDegree / 2 === batch) return compiled;
	}
};

const compiled = compileFull();
const { batch } = compiled.program.client;
const known = rowsOf(model.samples);
const samples = Array.from(
	{ length: batch },
	(_, k) => new Map([[model.input, known[k % known.length] ?? new Float64Array()]]),
);
const session = await openSession(compiled, samples, 'kernel');
const works = [session.encrypt, session.evaluate, session.decrypt];
const times = await alternating(
	works.map((work) => sideOf(work, effort)),
	effort,
);
const { report } = compiled;
const rows = ['encrypt', 'evaluate', 'decrypt'].map((step, k) => {
	const ms = median((times[k] ?? []).map(({ cpu }) => cpu));
	const predicted =
		[report.predicted.encryptMs, report.predicted.evaluateMs, report.predicted.decryptMs][k] ?? Number.NaN;
	return [
		step,
		duration(predicted),
		duration(ms),
		duration(ms / batch),
		`${((batch * HOUR) / ms / 1e6).toPrecision(3)} million`,
	];
});
const peak = session.peakBytes();
await session.close();
const head = [
	`${batch} samples at once, ${model.name}`,
	'predicted',
	'measured',
	'for a sample',
	'samples per hour and thread',
];
const [predictedMemory, peakMemory, keys] = [report.memory.total, peak, report.keys.bytes].map(megabytes);
const upload = `${(report.traffic.uploadBytes / batch / 1000).toFixed(1)} kB`;
const caption = `Memory of the server ${predictedMemory} predicted, ${peakMemory} at its peak; keys ${keys}; ${upload} sent for a sample. One thread, ${machine()}: medians of ${effort.rounds} rounds of CPU time.`;
publish('throughput', [table(head, rows), caption].join('\n\n'), write);
