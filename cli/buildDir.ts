import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readConstants } from '../runtime/constants.ts';
import { RefusedError } from '../runtime/errors.ts';
import { type ClientProgram, PLAN_FORMAT, type Program, type ServerProgram } from '../runtime/plan.ts';
import { readFile } from './readFile.ts';

const hint = 'Compile the model again with this version of onnx-seal';

const refuse = (path: string, why: string): never => {
	throw new RefusedError('program', `${path} ${why}`, hint);
};

/** Writes the files of a build by their paths below `folder`. */
export const writeFiles = (folder: string, files: ReadonlyMap<string, Uint8Array | string>): void => {
	for (const [name, content] of files) {
		const path = join(folder, name);
		mkdirSync(dirname(path), { recursive: true });
		writeFileSync(path, content);
	}
};

export const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

const checkFolder = (path: string): void => {
	if (!existsSync(path)) throw new RefusedError('program', `${path} does not exist`);
	if (!isFolder(path)) throw new RefusedError('program', `${path} is not a build directory`);
};

const need = (path: string): string => {
	if (!existsSync(path)) refuse(path, 'is missing, so this is no complete build directory');
	return path;
};

const readJson = (path: string): unknown => {
	const text = new TextDecoder().decode(readFile(need(path)));
	try {
		return JSON.parse(text);
	} catch {
		return refuse(path, 'is not JSON');
	}
};

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isFlag: Check = (value) => typeof value === 'boolean';
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isList =
	(of: Check): Check =>
	(value) =>
		Array.isArray(value) && value.every(of);
const isRecord =
	(fields: Readonly<Record<string, Check>>): Check =>
	(value) =>
		typeof value === 'object' &&
		value !== null &&
		Object.entries(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]));

const isRun: Check = (value) => isList(isNumber)(value) && (value as readonly unknown[]).length === 4;
const port = { name: isText, level: isCount, scale: isNumber };
const packing = { ...port, shape: isList(isCount), parts: isList(isList(isRun)) };
const common = {
	name: isText,
	fingerprint: isText,
	batch: isCount,
	parameters: isRecord({
		ringDegree: isCount,
		primes: isList(isCount),
		specialPrime: isCount,
		security: (value) => value === 128 || value === 192 || value === 256,
	}),
	keys: isRecord({
		relinearization: (value) => value === undefined || isCount(value),
		steps: isList(isRecord({ step: isCount, level: isCount })),
	}),
};
const isClient = isRecord({
	...common,
	inputs: isList(isRecord({ ...packing, range: isList(isNumber) })),
	outputs: isList(isRecord({ ...packing, encryptedShape: isList(isCount), tail: isList(isRecord({ op: isText })) })),
});
/** The fields of every instruction by its name. */
const instructionChecks: ReadonlyMap<string, Check> = new Map([
	['input', isRecord({ to: isCount, input: isCount, part: isCount })],
	['output', isRecord({ a: isCount, output: isCount, part: isCount })],
	...['add', 'subtract', 'multiply'].map((op) => [op, isRecord({ to: isCount, a: isCount, b: isCount })] as const),
	...['negate', 'decompose', 'relinearize', 'modDown', 'rescale'].map(
		(op) => [op, isRecord({ to: isCount, a: isCount })] as const,
	),
	['addPlain', isRecord({ to: isCount, a: isCount, constant: isCount })],
	['sumProducts', isRecord({ to: isCount, terms: isList(isCount), constants: isList(isCount) })],
	[
		'combine',
		isRecord({ to: isList(isCount), terms: isList(isCount), offset: isCount, level: isCount, scale: isNumber }),
	],
	['rotate', isRecord({ to: isCount, a: isCount, digits: isCount, steps: isNumber })],
	['modSwitch', isRecord({ to: isCount, a: isCount, level: isCount })],
]);
const isInstruction: Check = (value) =>
	isRecord({ op: isText })(value) && (instructionChecks.get((value as { op: string }).op)?.(value) ?? false);
const isExtended: Check = (value) => value === undefined || value === true;
const isServer = isRecord({
	...common,
	inputs: isList(isRecord({ ...port, parts: isCount })),
	outputs: isList(isRecord({ ...port, parts: isCount })),
	registers: isCount,
	instructions: isList(isInstruction),
	constants: isList(isRecord({ offset: isCount, level: isCount, scale: isNumber, extended: isExtended })),
	keepConstants: isFlag,
	memory: isRecord({
		context: isNumber,
		keys: isNumber,
		constants: isNumber,
		ciphertexts: isNumber,
		temporaries: isNumber,
	}),
});

/** A half of the program, once its format and the type of each field are checked. */
const readHalf = <T>(path: string, check: Check): T => {
	const value = readJson(path);
	const format = isRecord({ format: isText })(value) ? (value as { format: string }).format : undefined;
	if (format !== PLAN_FORMAT) refuse(path, `has the format "${format ?? 'unknown'}", not "${PLAN_FORMAT}"`);
	if (!check(value)) refuse(path, 'lacks fields of a program, or has fields of the wrong type');
	return value as T;
};

/** The client's half: all that keygen, encrypt and decrypt need. */
export const readClient = (folder: string): ClientProgram => {
	checkFolder(folder);
	return readHalf<ClientProgram>(join(folder, 'client', 'program.json'), isClient);
};

/** The server's half with its constants: all that infer needs. */
export const readServer = (folder: string): Pick<Program, 'server' | 'constants'> => {
	checkFolder(folder);
	const server = readHalf<ServerProgram>(join(folder, 'server', 'program.json'), isServer);
	return { server, constants: readConstants(server, readFile(need(join(folder, 'server', 'constants.bin')))) };
};

/** The program in a build directory. Throws RefusedError 'program' for what is missing, broken or of another version. */
export const readProgram = (folder: string): Program => {
	const client = readClient(folder);
	const { server, constants } = readServer(folder);
	if (client.fingerprint !== server.fingerprint)
		refuse(folder, 'holds a client and a server of different compilations');
	return { client, server, constants };
};

/** What commands show of a report without asking whether it is there. */
const isReport = isRecord({
	model: isRecord({ name: isText, inputs: isList(isRecord({})), outputs: isList(isRecord({})) }),
	parameters: isRecord({ primes: isList(isNumber), why: isRecord({ text: isList(isText) }) }),
	counts: isRecord({}),
	keys: isRecord({ list: isList(isRecord({})) }),
	memory: isRecord({}),
	traffic: isRecord({}),
	predicted: isRecord({}),
	layers: isList(isRecord({ considered: isList(isRecord({})), composed: isList(isText) })),
	activations: isList(isRecord({})),
	range: isRecord({}),
	warnings: isList(isText),
});

/** The report of a build directory. Throws RefusedError 'program' for one of another version. */
export const readReport = (folder: string): unknown => {
	const path = join(folder, 'report.json');
	const report = readJson(path);
	if (!isReport(report)) refuse(path, 'lacks fields of a report, or has fields of the wrong type');
	return report;
};
