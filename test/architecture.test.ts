import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/** The rules that a reviewer should not have to remember: import directions, file sizes, syntax left out on purpose. */
const root = join(import.meta.dirname, '..');
const folders = ['bench', 'cli', 'compiler', 'examples', 'models', 'runtime', 'test'];
/** Lines of a file; tables of test cases may be longer. */
const longest = 450;
const longestTest = 650;

const sources = (folder: string): string[] =>
	readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
		const path = join(folder, entry.name);
		if (entry.isDirectory()) return ['node_modules', 'build', 'golden'].includes(entry.name) ? [] : sources(path);
		return /\.(ts|js)$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : [];
	});

const texts = new Map(
	folders
		.filter((folder) => existsSync(join(root, folder)))
		.flatMap(sources)
		.map((file) => [file, readFileSync(join(root, file), 'utf8')]),
);

/** The code without its comments and without what its strings say. Good enough for code that biome has formatted. */
const codeOf = (text: string): string =>
	text
		.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
		.replace(/(['"])(?:\\.|(?!\1)[^\\\n])*\1/g, "''")
		.replace(/\/\/.*$/gm, '')
		.replace(/`[^`]*`/g, (literal) => [...literal.matchAll(/\$\{([^}]*)\}/g)].map((match) => match[1]).join(';'));

type Import = { readonly from: string; readonly types: boolean };

const importsOf = (file: string): Import[] => {
	const text = (texts.get(file) ?? '').replace(/\/\*[\s\S]*?\*\/|`[^`]*`/g, '');
	const statements = text.matchAll(/^(?:import|export)\s+(type\s)?(?:[\w$*{},\s]*?\sfrom\s+)?'([^']+)'/gm);
	const dynamic = text.matchAll(/\bimport\('([^']+)'\)|(?:new URL|threadModule)\('(\.[^']+)', import\.meta\.url\)/g);
	return [
		...Array.from(statements, ([, type, from]) => ({ from: from ?? '', types: type !== undefined })),
		...Array.from(dynamic, ([, from, url]) => ({ from: from ?? url ?? '', types: false })),
	].map(({ from, types }) => ({ from: from.startsWith('.') ? join(dirname(file), from) : from, types }));
};

/** Every file that `file` loads at run time, itself included, and the packages among them. */
const reachable = (file: string): Set<string> => {
	const seen = new Set<string>();
	const open = [file];
	for (let next = open.pop(); next !== undefined; next = open.pop()) {
		if (seen.has(next)) continue;
		seen.add(next);
		for (const { from, types } of importsOf(next)) if (!types) open.push(from);
	}
	return seen;
};

const within = (folder: string) => (file: string) => file.startsWith(`${folder}/`);
const none = (found: readonly string[]): void => assert.equal(found, []);

/** Imports of files below `folder` that `allowed` does not name. */
const strays = (folder: string, allowed: (from: string, file: string) => boolean): string[] =>
	[...texts.keys()].filter(within(folder)).flatMap((file) =>
		importsOf(file)
			.filter(({ from }) => folders.some((other) => within(other)(from)) && !allowed(from, file))
			.map(({ from }) => `${file} imports ${from}`),
	);

test('the scan sees the sources and their imports', () => {
	assert.ok(texts.has('runtime/plan.ts'));
	assert.ok(importsOf('compiler/tensor/graph.ts').some(({ from }) => from === 'compiler/tensor/sparse.ts'));
	assert.ok(importsOf('compiler/options.ts').some(({ from, types }) => from === 'runtime/plan.ts' && types));
});

test('every relative import names a file that exists', () => {
	// The compiler of the kernel adds the extension.
	const assembly = (from: string): boolean =>
		within('runtime/kernel/assembly')(from) && existsSync(join(root, `${from}.ts`));
	// What lies beside the bundles for browsers: wasm files, and the built form of a worker.
	const beside = (from: string): boolean =>
		['runtime/backends/kernel/kernel.wasm', 'runtime/seal/seal_throws.wasm'].includes(from) ||
		(from === 'runtime/browser/worker.js' && existsSync(join(root, 'runtime/browser/worker.ts')));
	const missing = ({ from }: Import): boolean =>
		folders.some((folder) => within(folder)(from)) && !existsSync(join(root, from)) && !assembly(from) && !beside(from);
	none(
		[...texts.keys()].flatMap((file) =>
			importsOf(file)
				.filter(missing)
				.map(({ from }) => `${file} imports ${from}`),
		),
	);
});

test('the compiler imports from the runtime only what plans are and mean, the formulas of noise and the lengths of messages', () => {
	const names = [
		'plan',
		'noise',
		'sizes',
		'tail',
		'values',
		'registers',
		'expand',
		'errors',
		'kernel/memory',
		'kernel/residency',
		'kernel/arena',
	];
	const shared = names.map((name) => `runtime/${name}.ts`);
	none(strays('compiler', (from) => within('compiler')(from) || shared.includes(from)));
	for (const file of shared)
		none(
			importsOf(file)
				.filter(({ from, types }) => !types && !shared.includes(from))
				.map(({ from }) => `${file} imports ${from}`),
		);
});

test('the runtime imports only the runtime', () => {
	none(strays('runtime', within('runtime')));
});

test('numeric code imports nothing of ours', () => {
	none(strays('compiler/numeric', within('compiler/numeric')));
});

test('nothing that is compiled into programs imports the command line or the benchmarks', () => {
	const outer = (from: string): boolean => within('cli')(from) || within('bench')(from);
	for (const folder of ['compiler', 'runtime']) none(strays(folder, (from) => !outer(from)));
});

test('the client side never loads the server side, the compiler or the plan executor, nor the reverse', () => {
	for (const [side, others] of [
		['runtime/client.ts', ['runtime/server.ts', 'runtime/execute.ts']],
		['runtime/remote/index.ts', ['runtime/server.ts', 'runtime/execute.ts', 'runtime/engine.ts']],
		['runtime/browser/index.ts', ['runtime/server.ts', 'runtime/execute.ts', 'runtime/engine.ts']],
		['runtime/browser/worker.ts', ['runtime/server.ts', 'runtime/execute.ts', 'runtime/engine.ts']],
		['runtime/server.ts', ['runtime/client.ts', 'runtime/local.ts', ...sources('runtime/encryption')]],
		['runtime/service/index.ts', ['runtime/client.ts', 'runtime/remote/index.ts', ...sources('runtime/encryption')]],
	] as const) {
		const loaded = reachable(side);
		none([side, ...others].filter((file) => !texts.has(file)));
		none(others.filter((other) => loaded.has(other)).map((other) => `${side} loads ${other}`));
	}
});

test('the client side runs in a browser: it loads no module of Node', () => {
	for (const side of [
		'runtime/client.ts',
		'runtime/remote/index.ts',
		'runtime/browser/index.ts',
		'runtime/browser/worker.ts',
	])
		none([...reachable(side)].filter((name) => name.startsWith('node:')));
});

test('nothing that the server loads can hold a secret key or decrypt', () => {
	const sides = ['runtime/server.ts', ...sources('runtime/service'), 'examples/federated/coordinatorProcess.ts'];
	assert.ok(sides.includes('runtime/service/evaluationWorker.ts') && sides.every((side) => texts.has(side)));
	const loaded = [...new Set(sides.flatMap((side) => [...reachable(side)]))].filter((file) => texts.has(file));
	none(
		loaded.flatMap((file) =>
			[
				...codeOf(texts.get(file) ?? '').matchAll(
					/\b(?:SecretKey|secretKey|Decryptor|KeyGenerator|invariantNoiseBudget)\b/g,
				),
			].map(([name]) => `${file} says ${name}`),
		),
	);
});

test(`no file is longer than ${longest} lines`, () => {
	const limit = (file: string): number => (within('test')(file) ? longestTest : longest);
	none(
		[...texts]
			.map(([file, text]) => [file, text.split('\n').length] as const)
			.filter(([file, lines]) => lines > limit(file))
			.map(([file, lines]) => `${file}: ${lines} lines`),
	);
});

type Ban = { readonly what: string; readonly pattern: RegExp; readonly where: (file: string) => boolean };

const everywhere = (): boolean => true;
const outside =
	(...allowed: readonly string[]) =>
	(file: string): boolean =>
		!allowed.some((prefix) => file.startsWith(prefix));

const bans: readonly Ban[] = [
	{
		what: 'any',
		pattern: /(?:[:<|]\s*|<[^<>()]*,\s*|\bas\s+)any\b(?=\s*(?:[;,)>=|\]&{}]|\[\]|$))/m,
		where: everywhere,
	},
	{ what: 'as unknown as', pattern: /\bas unknown as\b/, where: everywhere },
	{ what: 'enum', pattern: /^\s*(?:export\s+)?(?:const\s+)?enum\s+\w/m, where: everywhere },
	{ what: 'namespace', pattern: /^\s*(?:export\s+)?(?:declare\s+)?namespace\s+\w/m, where: everywhere },
	{ what: 'a non-null assertion', pattern: /[\w)\]]!(?:[.;,)\]]|\s*$)/m, where: everywhere },
	{ what: 'test.only', pattern: /\b\w+\.only\(/, where: within('test') },
	{
		what: 'console.log',
		pattern: /\bconsole\.\w+\(/,
		where: outside('cli/', 'bench/', 'examples/', 'models/', 'test/'),
	},
	{ what: 'process.exit', pattern: /\bprocess\.exit\(/, where: outside('cli/') },
	{ what: 'Math.random', pattern: /\bMath\.random\b/, where: outside('test/') },
	{ what: 'the clock', pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/, where: within('compiler') },
	{
		what: '.delete() of a SEAL handle',
		pattern: /\.delete\(\)/,
		where: outside('runtime/seal', 'runtime/backends/seal'),
	},
	{
		what: 'module-level let',
		pattern: /^(?:export )?(?:let|var) /m,
		where: outside('test/', 'bench/', 'cli/bin.js', 'runtime/kernel/assembly/'),
	},
];

/** The one place outside of a pass that reads the clock: the runner, which times the passes. */
const clock = ['compiler/pass.ts', 'compiler/pipeline.ts', 'compiler/index.ts'];

for (const { what, pattern, where } of bans) {
	test(`${what} is not used where it is banned`, () => {
		none(
			[...texts]
				.filter(([file]) => where(file) && !(what === 'the clock' && clock.includes(file)))
				.filter(([, text]) => pattern.test(codeOf(text)))
				.map(([file]) => `${file}: ${pattern.exec(codeOf(texts.get(file) ?? ''))?.[0].trim()}`),
		);
	});
}

test('every ban finds what it bans', () => {
	const samples: Readonly<Record<string, string>> = {
		any: 'const x: any = 1;',
		'as unknown as': 'x as unknown as string',
		enum: 'export const enum Color { red }',
		namespace: 'namespace A {}',
		'a non-null assertion': 'const y = list[0]!;',
		'test.only': 'test.only();',
		'console.log': 'console.log(1)',
		'process.exit': 'process.exit(1)',
		'Math.random': 'Math.random()',
		'the clock': 'Date.now()',
		'.delete() of a SEAL handle': 'ciphertext.delete();',
		'module-level let': 'let count = 0;',
	};
	for (const { what, pattern } of bans) assert.ok(pattern.test(codeOf(samples[what] ?? '')), what);
});

/** Notes that were kept outside of the repository: a reader could not look them up. */
const absentNotes = /\b(?:DESIGN|FACTS|KERNELS)\b/;

test('no source or document refers to notes that are not in the repository', () => {
	assert.match('the families (DESIGN 4.2)', absentNotes);
	const documents = readdirSync(root).filter((name) => name.endsWith('.md'));
	assert.ok(documents.includes('README.md'));
	none(
		[...texts.keys(), ...documents]
			.filter((file) => file !== relative(root, import.meta.filename))
			.filter((file) => absentNotes.test(texts.get(file) ?? readFileSync(join(root, file), 'utf8'))),
	);
});

test('no source names a path of the machine it was written on', () => {
	none(
		[...texts].filter(([, text]) => /['"`]\/(?:home|root|work|tmp)\//.test(text)).map(([file]) => relative('.', file)),
	);
});

test.run();
