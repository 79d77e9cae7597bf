import { type Command, Option } from 'commander';
import { readServerProgram } from '../../runtime/buildFolder.ts';
import { type BlobSource, openBlobs, s3Source } from '../../runtime/service/blobSource.ts';
import { readPrediction } from '../../runtime/service/card.ts';
import { type EvaluatorProcess, startEvaluator } from '../../runtime/service/evaluator.ts';
import { runWorker } from '../../runtime/service/redis/runWorker.ts';
import { addBlobOptions, type BlobArguments, s3Of } from '../blobs.ts';
import { addEngineOptions, addOutputOptions, type EngineArguments, wholeNumber } from '../options.ts';
import { makeOutput, type OutputOptions } from '../output.ts';
import { untilAsked } from '../untilAsked.ts';

type Arguments = OutputOptions &
	EngineArguments &
	BlobArguments & {
		readonly queue: string;
		readonly data: string;
		readonly name?: string;
		readonly grace: number;
		readonly lost: number;
	};

const work = async (
	given: Arguments,
	fingerprint: string,
	source: BlobSource,
	evaluator: EvaluatorProcess,
): Promise<void> => {
	const output = makeOutput(given);
	const asked = untilAsked();
	// One that dies again and again while it starts is no reason not to end.
	await Promise.race([evaluator.started, asked]);
	const worker = runWorker({
		url: given.queue,
		fingerprint,
		evaluator,
		blobs: await openBlobs(source, { onNotice: output.warn }),
		name: given.name,
		leaseMs: given.lost * 1000,
		lockMs: given.lost * 1500,
		onNotice: output.warn,
	});
	output.note(`Worker ${worker.name} evaluates ${fingerprint.slice(0, 16)}...`);
	await asked;
	output.note('Ending: no more evaluations are taken.');
	await worker.close(given.grace * 1000);
};

const run = async (build: string, given: Arguments): Promise<void> => {
	const { warn } = makeOutput(given);
	const { fingerprint } = readServerProgram(build);
	const s3 = s3Of(given);
	const source: BlobSource =
		s3 === undefined ? { kind: 'disk', folder: given.data } : s3Source(s3, fingerprint, given.data);
	const evaluator = startEvaluator({
		build,
		blobs: source,
		predictedMs: readPrediction(build)?.evaluateMs,
		backend: given.backend,
		threads: given.threads,
		onNotice: warn,
	});
	try {
		await work(given, fingerprint, source, evaluator);
	} finally {
		await evaluator.close();
	}
};

export const addWorker = (program: Command): void => {
	const command = program
		.command('worker')
		.description('evaluate what `serve --queue` accepts')
		.argument('<build dir>')
		.addOption(
			new Option('--queue <address>', 'Redis, as redis://host:6379; a password is safer in the variable')
				.env('ONNX_SEAL_QUEUE')
				.makeOptionMandatory(),
		)
		.requiredOption(
			'--data <folder>',
			'the folder that the servers and all workers share; with --blobs, one for copies',
		)
		.option('--name <name>', 'a name that no other worker has (default: a random one)')
		.option('--grace <seconds>', 'how long an evaluation may go on when the worker is asked to end', wholeNumber(0), 30)
		.option('--lost <seconds>', 'after how much silence a worker counts as lost', wholeNumber(1), 10)
		.action(run);
	addOutputOptions(addEngineOptions(addBlobOptions(command)));
};
