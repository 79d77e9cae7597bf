/**
 * Imports damaged models (test/support/mutations.ts) of every case in test/ops, the exports and the zoo, and compiles one in
 * ten: each must give a result or a CompileError, within ten seconds and 1 GB. The work is done in a child process; where
 * that hangs or dies, the case counts as found and another child goes on behind it. What is found is written to build/fuzz.
 *
 * npm run bench -- fuzz [--minutes 10] [--seed 1]     as long, from that seed on
 * npm run bench -- fuzz --only 17                     one case, here, with its error
 * npm run bench -- fuzz --hostile                     the files of test/support/hostile.ts, each in a process of its own
 */
import { fork, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CompileError, compile } from '../compiler/index.ts';
import { importModel } from '../compiler/onnx/import.ts';
import { supportedOps } from '../compiler/onnx/ops/index.ts';
import { sizeOf } from '../compiler/tensor/graph.ts';
import { verify } from '../compiler/tensor/verify.ts';
import { hostileFiles } from '../test/support/hostile.ts';
import { mutated } from '../test/support/mutations.ts';
import { buildModel } from '../test/support/onnx.ts';
import { modelOfCase, opCases } from '../test/support/opCases.ts';

/** Of computing; what takes ten times as long on the clock hangs. */
const MOST_SECONDS = 10;
const MOST_MEGABYTES = 1000;
/** One imported model in so many is also compiled, when it is small. */
const COMPILED = 10;
const MOST_ELEMENTS = 64;
/** Larger files are left out: what a mutation changes in them is mostly a weight. */
const MOST_BYTES = 300_000;

const file = fileURLToPath(import.meta.url);

const modelsIn = (folder: URL): readonly Uint8Array[] =>
	readdirSync(folder, { recursive: true, encoding: 'utf8' })
		.filter((name) => name.endsWith('.onnx'))
		.sort()
		.map((name) => readFileSync(new URL(name, folder)))
		.filter(({ length }) => length <= MOST_BYTES);

const corpus = (): readonly Uint8Array[] => [
	...opCases().flatMap(([, cases]) =>
		cases.flatMap((case_) => [false, true].map((folded) => buildModel(modelOfCase(case_, folded).spec))),
	),
	...modelsIn(new URL('../test/onnx/exports/', import.meta.url)),
	...modelsIn(new URL('../models/', import.meta.url)),
];

const operators = (): readonly string[] => [
	...supportedOps().map(({ op }) => op),
	...['If', 'Loop', 'Scan', 'SequenceAt', 'NoSuch'],
];

type Ended = 'imported' | 'compiled' | 'refused';

/** Imports the model, and with `further` compiles it. Throws what is not a refusal. */
const attempt = (bytes: Uint8Array, further: boolean): Ended => {
	try {
		const { graph } = importModel(bytes);
		verify(graph);
		if (!further || graph.nodes.some(({ shape }) => sizeOf(shape) > MOST_ELEMENTS)) return 'imported';
		compile(bytes);
		return 'compiled';
	} catch (error) {
		if (error instanceof CompileError) return 'refused';
		throw error;
	}
};

/** What the child says: which case it begins, and how each ended. */
type Message = { readonly seed: number; readonly ended?: Ended; readonly found?: string };

const work = (first: number): void => {
	const [models, ops] = [corpus(), operators()];
	const send = (message: Message) => process.send?.(message);
	let seed = first;
	const next = (): void => {
		// In pieces, so that messages leave.
		for (const end = seed + 20; seed < end; seed++) {
			send({ seed });
			const start = process.cpuUsage();
			try {
				const ended = attempt(mutated(models, ops, seed), seed % COMPILED === 0);
				const seconds = process.cpuUsage(start).user / 1e6;
				const megabytes = process.resourceUsage().maxRSS / 1024;
				if (seconds > MOST_SECONDS) send({ seed, found: `took ${seconds.toFixed(1)} s (${ended})` });
				else if (megabytes > MOST_MEGABYTES) {
					send({ seed, found: `took ${megabytes.toFixed(0)} MB (${ended})` });
					process.disconnect();
					return;
				} else send({ seed, ended });
			} catch (error) {
				send({ seed, found: error instanceof Error ? (error.stack ?? error.message) : String(error) });
			}
		}
		setImmediate(next);
	};
	next();
};

/** One child until it ends or hangs; the seed to go on with. */
const watch = (first: number, until: number, see: (message: Message) => void): Promise<number> =>
	new Promise((resolve) => {
		const child = fork(file, ['--from', String(first)], { execArgv: [`--max-old-space-size=${MOST_MEGABYTES}`] });
		let last: Message = { seed: first };
		let heard = performance.now();
		let stopped = false;
		const timer = setInterval(() => {
			const hangs = performance.now() - heard > 10 * MOST_SECONDS * 1000;
			if (!hangs && performance.now() < until) return;
			if (hangs) see({ seed: last.seed, found: `hangs for ${10 * MOST_SECONDS} s` });
			stopped = true;
			child.kill('SIGKILL');
		}, 200);
		child.on('message', (message: Message) => {
			last = message;
			heard = performance.now();
			if (message.ended !== undefined || message.found !== undefined) see(message);
		});
		child.on('exit', (code, signal) => {
			clearInterval(timer);
			const died = !stopped && last.ended === undefined && last.found === undefined;
			if (died) see({ seed: last.seed, found: `the process ended with ${signal ?? code}` });
			resolve(last.seed + 1);
		});
	});

const run = async (minutes: number, first: number): Promise<void> => {
	const folder = new URL('../build/fuzz/', import.meta.url);
	mkdirSync(folder, { recursive: true });
	const [models, ops] = [corpus(), operators()];
	const counts = new Map<string, number>();
	const kinds = new Map<string, number>();
	const see = ({ seed, ended, found }: Message): void => {
		const ending = ended ?? 'found';
		counts.set(ending, (counts.get(ending) ?? 0) + 1);
		if (found === undefined) return;
		// Cases that end at one place are one find.
		const place = found.replace(/\d+(\.\d+)? (s|MB)\b/, '').replace(/^[\s\S]*?\n\s*at /, '');
		const kind = place.split('\n')[0] ?? '';
		kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
		if (kinds.get(kind) !== 1) return;
		console.log(`\nseed ${seed}: ${found.split('\n').slice(0, 8).join('\n')}`);
		writeFileSync(new URL(`${seed}.onnx`, folder), mutated(models, ops, seed));
	};
	const until = performance.now() + minutes * 60_000;
	let seed = first;
	while (performance.now() < until) seed = await watch(seed, until, see);
	console.log(`\n${models.length} models, seeds ${first} to ${seed - 1} in ${minutes} minutes:`);
	for (const [ending, count] of counts) console.log(`${ending}: ${count}`);
	console.log(`kinds of finds: ${kinds.size}`);
	process.exitCode = kinds.size === 0 ? 0 : 1;
};

/** One hostile file, here: seconds of computing, the most memory that the process had, and what is said of it. */
const refuseOne = (name: string): void => {
	const hostile = hostileFiles().find((one) => one.name === name);
	const start = process.cpuUsage();
	let said = 'compiled';
	try {
		compile(hostile?.bytes() ?? new Uint8Array(), {}, { readExternal: () => new Uint8Array(8) });
	} catch (error) {
		said = error instanceof CompileError ? (error.issues[0]?.message ?? '') : `THROWN: ${error}`;
	}
	const { user, system } = process.cpuUsage(start);
	console.log(
		JSON.stringify({ seconds: (user + system) / 1e6, megabytes: process.resourceUsage().maxRSS / 1024, said }),
	);
};

/** Every hostile file; those that take a second or 500 MB are listed. */
const refuseAll = (): void => {
	const files = hostileFiles();
	let [slowest, largest] = [0, 0];
	for (const { name } of files) {
		const options = [`--max-old-space-size=${MOST_MEGABYTES}`, file, '--refuse', name];
		const { stdout, stderr } = spawnSync(process.execPath, options, { encoding: 'utf8' });
		const { seconds, megabytes, said } = JSON.parse(stdout || JSON.stringify({ said: `THROWN: ${stderr}` }));
		[slowest, largest] = [Math.max(slowest, seconds), Math.max(largest, megabytes)];
		if (seconds > 1 || megabytes > 500 || /^(THROWN|compiled)/.test(said))
			console.log(`${name}: ${seconds.toFixed(1)} s, ${megabytes.toFixed(0)} MB: ${said.slice(0, 200)}`);
	}
	console.log(`${files.length} files, at most ${slowest.toFixed(1)} s and ${largest.toFixed(0)} MB each`);
};

const { values } = parseArgs({
	options: {
		minutes: { type: 'string', default: '10' },
		seed: { type: 'string', default: '1' },
		only: { type: 'string' },
		from: { type: 'string' },
		hostile: { type: 'boolean', default: false },
		refuse: { type: 'string' },
	},
});
if (values.hostile) refuseAll();
else if (values.refuse !== undefined) refuseOne(values.refuse);
else if (values.from !== undefined) work(Number(values.from));
else if (values.only !== undefined)
	console.log(attempt(mutated(corpus(), operators(), Number(values.only)), Number(values.only) % COMPILED === 0));
else await run(Number(values.minutes), Number(values.seed));
