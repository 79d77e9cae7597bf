/**
 * Every model of the zoo over HTTP: `onnx-seal serve` in one process, two clients with keys of their own in two others, at the same time. Prints what is sent, how
 * long that takes and what memory each process needs, smallest keys first; fails where an answer is wrong. What was measured is kept in
 * bench/results/http.json, so that some models can be measured again.
 *
 * npm run bench -- http [name ...] [--most 900: megabytes of keys] [--write: into the document]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { zoo } from '../models/index.ts';
import { readBaselines } from '../models/regression/baselines.ts';
import { type OverHttp, overHttp } from '../test/slow/overHttp.ts';
import { duration, machine, megabytes, publish, table } from './table.ts';

const RESULTS = new URL('results/http.json', import.meta.url);
const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { most: { type: 'string', default: '900' }, write: { type: 'boolean', default: false } },
});
const baselines = readBaselines();
const keyBytes = (name: string): number => baselines.get(name)?.keyBytes ?? Number.POSITIVE_INFINITY;
const known = zoo.map(({ name }) => name).toSorted((a, b) => keyBytes(a) - keyBytes(b));
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) throw new Error(`there is no model ${unknown.join(', ')}`);
const chosen = known.filter((name) =>
	positionals.length > 0 ? positionals.includes(name) : keyBytes(name) <= 1e6 * Number(values.most),
);

/** What was kept; earlier measurements may lack some. */
type Kept = Pick<OverHttp, 'name' | 'ringDegree' | 'keyBytes'> & Partial<OverHttp>;

const read = (): Map<string, Kept> =>
	new Map(existsSync(RESULTS) ? Object.entries<Kept>(JSON.parse(readFileSync(RESULTS, 'utf8'))) : []);

const keep = (result: OverHttp): void => {
	const all = read().set(result.name, result);
	const ordered = known.flatMap((name) => [...all].filter(([other]) => other === name));
	mkdirSync(new URL('.', RESULTS), { recursive: true });
	writeFileSync(RESULTS, `${JSON.stringify(Object.fromEntries(ordered), null, '\t')}\n`);
};

let failed = 0;
for (const name of chosen) {
	const start = performance.now();
	try {
		keep(await overHttp(name));
		console.error(`${name}: right, ${duration(performance.now() - start)} in all`);
	} catch (error) {
		failed++;
		console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
	}
}
process.exitCode = failed > 0 ? 1 : 0;

const head = [
	...['model', 'N', 'keys', 'set-up', 'keys made and sent', 'first answer', 'next answer'],
	...['client', 'second half of keys', 'service', 'evaluator'],
];
const shown = (value: number | undefined, show: (value: number) => string): string =>
	value === undefined ? '' : show(value);
const rows = [...read().values()].map((found) => [
	...[`[${found.name}](../models/${found.name})`, String(found.ringDegree), megabytes(found.keyBytes)],
	...[found.setUpMs, found.keysMs, found.firstMs, found.nextMs].map((ms) => shown(ms, duration)),
	...[found.clientBytes, found.lateGrowth, found.serverBytes, found.evaluatorBytes].map((bytes) =>
		shown(bytes, megabytes),
	),
]);
const missing = known.filter((name) => !read().has(name));
const left = missing.length === 0 ? '' : ` Not measured here: ${missing.join(', ')}.`;
publish(
	'http',
	`${table(head, rows)}\n\n${machine()}, which others used as well. Empty: not measured.${left}`,
	values.write && failed === 0,
);
