/**
 * Cold starts: processes that have compiled nothing yet load a program, make its server, load the keys and answer the first
 * request, with our kernel and with node-seal in turn. By the clock, medians of the rounds. What a server needs is written to files
 * before. Prints Markdown; with --write also into docs/benchmarks.md.
 *
 * npm run bench -- start [--rounds n] [--quick] [--write] [model ...]
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Compiled } from '../compiler/index.ts';
import { models, type ZooModel } from '../models/index.ts';
import { benchArguments, median } from './alternate.ts';

const STEPS = ['load the code', 'set up', 'load the keys', 'first answer', 'second answer'] as const;
type Step = (typeof STEPS)[number];
type Start = { readonly [S in Step]: number } & { readonly megabytes: number };
const BACKENDS = ['kernel', 'seal'] as const;
type BackendName = (typeof BACKENDS)[number];
const file = fileURLToPath(import.meta.url);

/** In a process of its own: everything from nothing to the second answer; milliseconds of each step. */
const start = async (folder: string, backend: BackendName): Promise<Start> => {
	const read = (name: string): Uint8Array<ArrayBuffer> => Uint8Array.from(readFileSync(join(folder, name)));
	const [program, constants] = [JSON.parse(readFileSync(join(folder, 'program.json'), 'utf8')), read('constants')];
	const [keys, request] = [read('keys'), read('request')];
	let last = performance.now();
	const lap = (): number => {
		const before = last;
		last = performance.now();
		return last - before;
	};
	const { createServer } = await import('../runtime/server.ts');
	const code = lap();
	const server = await createServer(program, new Float64Array(constants.buffer), { backend });
	if (server.backend !== backend) throw new Error(`${backend} is not to be had here`);
	const setUp = lap();
	await server.loadKeys(keys);
	const loaded = lap();
	await server.evaluate(request);
	const first = lap();
	await server.evaluate(request);
	const second = lap();
	await server.dispose();
	const megabytes = process.resourceUsage().maxRSS / 1000;
	return {
		...{ 'load the code': code, 'set up': setUp, 'load the keys': loaded },
		...{ 'first answer': first, 'second answer': second, megabytes },
	};
};

const write = async ({ program }: Compiled, model: ZooModel, folder: string): Promise<void> => {
	const { createClient } = await import('../runtime/client.ts');
	const { rowsOf } = await import('./zoo.ts');
	const client = await createClient(program.client);
	const sample = new Map([[model.input, rowsOf(model.samples)[0] ?? new Float64Array()]]);
	const { buffer, byteOffset, byteLength } = program.constants;
	mkdirSync(folder);
	writeFileSync(join(folder, 'program.json'), JSON.stringify(program.server));
	writeFileSync(join(folder, 'constants'), new Uint8Array(buffer, byteOffset, byteLength));
	writeFileSync(join(folder, 'keys'), await client.evaluationKeys());
	writeFileSync(join(folder, 'request'), await client.encrypt(sample));
	client.dispose();
};

const spawned = (folder: string, backend: BackendName): Start => {
	const { status, stdout, stderr } = spawnSync(process.execPath, [file, '--one', folder, backend], {
		encoding: 'utf8',
	});
	if (status !== 0) throw new Error(stderr);
	return JSON.parse(stdout);
};

const main = async (): Promise<void> => {
	const { compileZoo } = await import('./zoo.ts');
	const { duration, machine, publish, table } = await import('./table.ts');
	const { effort, names, write: written } = benchArguments(3);
	const chosen = names.length > 0 ? names : ['mnist-cryptonets', 'lenet5-mnist'];
	const build = fileURLToPath(new URL('../build/', import.meta.url));
	mkdirSync(build, { recursive: true });
	const parent = mkdtempSync(join(build, 'start-'));
	const rows: string[][] = [];
	try {
		for (const model of models) {
			if (!chosen.includes(model.name)) continue;
			const folders = new Map<BackendName, string>();
			for (const backend of BACKENDS) {
				const folder = join(parent, `${model.name}-${backend}`);
				await write(compileZoo(model, { backend }), model, folder);
				folders.set(backend, folder);
			}
			const starts = new Map(BACKENDS.map((backend): [BackendName, Start[]] => [backend, []]));
			for (let round = 0; round < effort.rounds; round++)
				for (const [backend, folder] of folders) starts.get(backend)?.push(spawned(folder, backend));
			for (const [backend, measured] of starts) {
				const steps = STEPS.map((step) => duration(median(measured.map((one) => one[step]))));
				const resident = median(measured.map(({ megabytes }) => megabytes));
				rows.push([model.name, backend, ...steps, `${resident.toFixed(0)} MB`]);
			}
		}
	} finally {
		rmSync(parent, { recursive: true });
	}
	const caption = `By the clock in fresh processes, ${machine()}: medians of ${effort.rounds} rounds; memory is the most the whole process had.`;
	publish('start', [table(['network', 'evaluator', ...STEPS, 'memory'], rows), caption].join('\n\n'), written);
};

const [option, folder = '', backend] = process.argv.slice(2);
const wanted = option === '--one' ? BACKENDS.find((name) => name === backend) : undefined;
if (wanted === undefined) await main();
else console.log(JSON.stringify(await start(folder, wanted)));
