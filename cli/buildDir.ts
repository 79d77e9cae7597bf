import { existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readConstants } from '../runtime/constants.ts';
import { RefusedError } from '../runtime/errors.ts';
import type { ClientProgram, Program, ServerProgram } from '../runtime/plan.ts';
import { clientComplaint, isList, isNumber, isRecord, isText, serverComplaint } from '../runtime/programShape.ts';
import { makeFolder } from './folder.ts';
import { readFile } from './readFile.ts';

const hint = 'Compile the model again with this version of onnx-seal';

const refuse = (path: string, why: string): never => {
	throw new RefusedError('program', `${path} ${why}`, hint);
};

/** Writes the files of a build by their paths below `folder`. */
export const writeFiles = (folder: string, files: ReadonlyMap<string, Uint8Array | string>): void => {
	for (const [name, content] of files) {
		const path = join(folder, name);
		makeFolder(dirname(path));
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

/** A half of the program, once its format and the type of each field are checked. */
const readHalf = <T>(path: string, complaint: (value: unknown) => string | undefined): T => {
	const value = readJson(path);
	const why = complaint(value);
	if (why !== undefined) refuse(path, why);
	return value as T;
};

/** The client's half: all that keygen, encrypt and decrypt need. */
export const readClient = (folder: string): ClientProgram => {
	checkFolder(folder);
	return readHalf<ClientProgram>(join(folder, 'client', 'program.json'), clientComplaint);
};

/** The server's half with its constants: all that infer needs. */
export const readServer = (folder: string): Pick<Program, 'server' | 'constants'> => {
	checkFolder(folder);
	const server = readHalf<ServerProgram>(join(folder, 'server', 'program.json'), serverComplaint);
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
