import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { clientModule, serverModule } from '../../compiler/codegen/modules.ts';
import type { ClientProgram, ServerProgram } from '../../runtime/plan.ts';
import { COMPILE_AGAIN, type Finding, high, low, when } from './findings.ts';

/** What lies in the two halves of a build beside the programs: nothing but the modules that the compiler writes. */
type Half = {
	readonly folder: 'client' | 'server';
	/** Contents by name; undefined for what the module reads, and for types, which nothing runs. */
	readonly files: ReadonlyMap<string, string | undefined>;
	readonly imports: readonly string[];
};

const halves = (client: ClientProgram, server: ServerProgram): readonly Half[] => [
	{
		folder: 'client',
		files: new Map([
			['index.js', clientModule(client)],
			['index.d.ts', undefined],
			['program.json', undefined],
		]),
		imports: ['onnx-seal/runtime/client', './program.json'],
	},
	{
		folder: 'server',
		files: new Map([
			['index.js', serverModule(server)],
			['index.d.ts', undefined],
			['program.json', undefined],
			['constants.bin', undefined],
		]),
		imports: ['node:fs/promises', 'onnx-seal/runtime/server', './program.json'],
	},
];

/** Everything that looks like the name of a module: in `from '...'`, `import '...'`, `import('...')` and `require('...')`. */
const importsOf = (text: string): readonly string[] =>
	[...text.matchAll(/\b(?:from|import|require)\s*\(?\s*(['"`])(.*?)\1/g)].map(([, , name]) => name ?? '');

const RISKS = { client: 'it may hold weights', server: 'it may reach a secret key or decrypt' } as const;

const changed = (folder: string, { folder: half, files, imports }: Half, name: string): readonly Finding[] => {
	const expected = files.get(name);
	if (expected === undefined) return [];
	const text = readFileSync(join(folder, half, name), 'utf8');
	if (text === expected) return [];
	const other = importsOf(text).find((from) => !imports.includes(from));
	return [
		other === undefined
			? low(half, `${half}/${name} is not what this version writes: it was changed, or is of another version`)
			: high(half, `${half}/${name} loads ${JSON.stringify(other)}, which the compiler never writes: ${RISKS[half]}`),
	];
};

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

const halfFindings = (folder: string, half: Half): readonly Finding[] => {
	const there = readdirSync(join(folder, half.folder));
	const strange = there.filter((name) => !half.files.has(name));
	const missing = [...half.files.keys()].filter((name) => !isFile(join(folder, half.folder, name)));
	const known = [...half.files.keys()].filter((name) => !missing.includes(name));
	const risk = half.folder === 'client' ? 'they may hold weights' : 'they may hold secrets of clients';
	return [
		...when(strange.length > 0, () =>
			high(
				half.folder,
				`the ${half.folder}'s half holds files that are none of it: ${strange.map((name) => JSON.stringify(name)).join(', ')}; ${risk}`,
				'Move them elsewhere before the half is handed on.',
			),
		),
		...missing.map((name) => low(half.folder, `${half.folder}/${name} is missing`)),
		...known.flatMap((name) => changed(folder, half, name)),
	];
};

/** Is this a secret key, as `keygen` writes it: "ONSL" of kind 4, or "ONSW" behind a passphrase? */
const isSecret = (path: string): boolean => {
	if (!isFile(path)) return false;
	const start = new Uint8Array(6);
	const file = openSync(path, 'r');
	try {
		readSync(file, start);
	} finally {
		closeSync(file);
	}
	const magic = new TextDecoder().decode(start.subarray(0, 4));
	return magic === 'ONSW' || (magic === 'ONSL' && start[5] === 4);
};

/** Secret keys beside or inside of the halves, two folders deep: a build is handed to servers. */
const secrets = (folder: string): readonly Finding[] =>
	['', 'client', 'server']
		.flatMap((below) => readdirSync(join(folder, below)).map((name) => join(below, name)))
		.filter((name) => isSecret(join(folder, name)))
		.map((name) =>
			high(
				'secret',
				`${name} is a secret key: whoever gets the build decrypts what was encrypted with it`,
				'Move it where only its owner reads it. If the build was handed on, make a new key set and drop this one.',
			),
		);

export const fileFindings = (folder: string, client: ClientProgram, server: ServerProgram): readonly Finding[] => [
	...halves(client, server).flatMap((half) => halfFindings(folder, half)),
	...secrets(folder),
];

/** Fields that a client's half may have, by where they are: none holds weights. What is not listed is checked when it is read. */
const FIELDS: readonly (readonly [
	where: string,
	fields: readonly string[],
	of: (client: ClientProgram) => readonly object[],
])[] = [
	[
		'the program',
		['format', 'name', 'fingerprint', 'parameters', 'batch', 'inputs', 'outputs', 'knownOutputs', 'keys'],
		(client) => [client],
	],
	['its parameters', ['ringDegree', 'primes', 'specialPrime', 'security'], ({ parameters }) => [parameters]],
	['its keys', ['relinearization', 'steps'], ({ keys }) => [keys]],
	['a key', ['step', 'level'], ({ keys }) => keys.steps],
	['an input', ['name', 'shape', 'head', 'range', 'parts', 'level', 'scale'], ({ inputs }) => inputs],
	['a head', ['scale', 'shift'], ({ inputs }) => inputs.flatMap(({ head }) => head ?? [])],
	[
		'an output',
		[
			...['name', 'encryptedShape', 'shape', 'parts', 'level', 'scale', 'tail', 'classes'],
			...['plausible', 'predictedError', 'magnitude'],
		],
		({ outputs }) => outputs,
	],
	['a known output', ['name', 'shape', 'values'], ({ knownOutputs = [] }) => knownOutputs],
];

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, d) => product * d, 1);

/** Places for numbers of the network in the client's half that the compiler has not made. */
export const weightFindings = (client: ClientProgram): readonly Finding[] => {
	const strange = FIELDS.flatMap(([where, fields, of]) => {
		const found = new Set(of(client).flatMap((one) => Object.keys(one).filter((name) => !fields.includes(name))));
		return [...found].map((name) => `${JSON.stringify(name)} of ${where}`);
	});
	const heads = client.inputs.filter(
		({ head, shape }) =>
			head !== undefined && (head.scale.length !== sizeOf(shape) || head.shift.length !== sizeOf(shape)),
	);
	return [
		...when(strange.length > 0, () =>
			high('client', `client/program.json has fields that may hold weights: ${strange.join(', ')}`, COMPILE_AGAIN),
		),
		...heads.map(({ name }) =>
			high('client', `the head of input '${name}' has another number of values than the input`, COMPILE_AGAIN),
		),
	];
};
