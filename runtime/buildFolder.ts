import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readConstants } from './constants.ts';
import { RefusedError } from './errors.ts';
import type { ClientProgram, Program, ServerProgram } from './plan.ts';
import { clientComplaint, serverComplaint } from './programShape.ts';

/** Reads what the compiler wrote. All of it may have been changed since: formats and the type of each field are checked. */
const hint = 'Compile the model again with this version of onnx-seal';

const refuse = (path: string, why: string): never => {
	throw new RefusedError('program', `${path} ${why}`, hint);
};

export const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

const checkFolder = (path: string): void => {
	if (!existsSync(path)) throw new RefusedError('program', `${path} does not exist`);
	if (!isFolder(path)) throw new RefusedError('program', `${path} is not a build directory`);
};

/** As no Buffer, whose `slice` does not copy. */
const readBytes = (path: string): Uint8Array => {
	if (!existsSync(path)) refuse(path, 'is missing, so this is no complete build directory');
	if (!statSync(path).isFile()) refuse(path, 'is no file');
	const { buffer, byteOffset, length } = readFileSync(path);
	return new Uint8Array(buffer, byteOffset, length);
};

/** A file of a build directory. Throws RefusedError 'program' where it is missing or no JSON. */
export const readBuildJson = (path: string): unknown => {
	const text = new TextDecoder().decode(readBytes(path));
	try {
		return JSON.parse(text);
	} catch {
		return refuse(path, 'is not JSON');
	}
};

const readHalf = <T>(path: string, complaint: (value: unknown) => string | undefined): T => {
	const value = readBuildJson(path);
	const why = complaint(value);
	if (why !== undefined) refuse(path, why);
	return value as T;
};

/** The client's half: all that keygen, encrypt and decrypt need. */
export const readClient = (folder: string): ClientProgram => {
	checkFolder(folder);
	return readHalf<ClientProgram>(join(folder, 'client', 'program.json'), clientComplaint);
};

/** The server's half without its constants. */
export const readServerProgram = (folder: string): ServerProgram => {
	checkFolder(folder);
	return readHalf<ServerProgram>(join(folder, 'server', 'program.json'), serverComplaint);
};

/** The server's half with its constants: all that infer needs. */
export const readServer = (folder: string): Pick<Program, 'server' | 'constants'> => {
	const server = readServerProgram(folder);
	return { server, constants: readConstants(server, readBytes(join(folder, 'server', 'constants.bin'))) };
};

const checkSame = (folder: string, client: ClientProgram, server: ServerProgram): void => {
	if (client.fingerprint !== server.fingerprint)
		refuse(folder, 'holds a client and a server of different compilations');
};

/** Both halves without the constants: all that a service needs that does not compute by itself. */
export const readHalves = (folder: string): Pick<Program, 'client' | 'server'> => {
	const client = readClient(folder);
	const server = readServerProgram(folder);
	checkSame(folder, client, server);
	return { client, server };
};

/** The program in a build directory. Throws RefusedError 'program' for what is missing, broken or of another version. */
export const readProgram = (folder: string): Program => {
	const client = readClient(folder);
	const { server, constants } = readServer(folder);
	checkSame(folder, client, server);
	return { client, server, constants };
};
