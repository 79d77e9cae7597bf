import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeFiles } from '../../cli/buildDir.ts';
import { readProgram } from '../../runtime/buildFolder.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { type ClientProgram, PLAN_FORMAT, type ServerProgram } from '../../runtime/plan.ts';

/** y = 2 x on 8 slots; no such parameters are secure, and none of this is executed. */
const common = {
	format: PLAN_FORMAT,
	name: 'twice',
	fingerprint: 'f00d',
	parameters: { ringDegree: 16, primes: [97, 193], specialPrime: 257, security: 128 },
	batch: 1,
	keys: { steps: [] },
} as const;
const port = { level: 1, scale: 32 };
const client: ClientProgram = {
	...common,
	inputs: [{ name: 'x', shape: [1, 8], range: [-1, 1], parts: [[[0, 8, 0, 1]]], ...port }],
	outputs: [
		{
			...{ name: 'y', encryptedShape: [1, 8], shape: [1, 8], parts: [[[0, 8, 0, 1]]], ...port },
			...{ tail: [], plausible: 10, predictedError: 0.01, magnitude: 2 },
		},
	],
};
const server: ServerProgram = {
	...common,
	inputs: [{ name: 'x', parts: 1, ...port }],
	outputs: [{ name: 'y', parts: 1, ...port }],
	registers: 1,
	instructions: [
		{ op: 'input', to: 0, input: 0, part: 0 },
		{ op: 'sumProducts', to: 0, terms: [0], constants: [0] },
		{ op: 'output', a: 0, output: 0, part: 0 },
	],
	constants: [{ offset: 0, level: 1, scale: 1 }],
	keepConstants: true,
	memory: { context: 1, keys: 0, constants: 1, ciphertexts: 1, temporaries: 0 },
};

/** Eight little-endian float64 of value 2, byte by byte. */
const twos = new Uint8Array(64);
for (let i = 0; i < 8; i++) twos[8 * i + 7] = 0x40;

const whole: Readonly<Record<string, Uint8Array | string>> = {
	'client/program.json': JSON.stringify(client),
	'server/program.json': JSON.stringify(server),
	'server/constants.bin': twos,
};

const files = (change: Readonly<Record<string, Uint8Array | string>> = {}): Map<string, Uint8Array | string> =>
	new Map(Object.entries({ ...whole, ...change }));

const without = (name: string): Map<string, Uint8Array | string> => {
	const rest = files();
	rest.delete(name);
	return rest;
};

const inFolder = (content: Map<string, Uint8Array | string>, run: (folder: string) => void): void => {
	const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-build-'));
	try {
		writeFiles(folder, content);
		run(folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
};

const refused = (content: Map<string, Uint8Array | string>, pattern: RegExp): void =>
	inFolder(content, (folder) => {
		try {
			readProgram(folder);
		} catch (error) {
			assert.instance(error, RefusedError);
			assert.is((error as RefusedError).code, 'program');
			assert.match((error as RefusedError).message, pattern);
			return;
		}
		assert.unreachable(`not refused: ${pattern}`);
	});

test('a program is read as it was written', () => {
	inFolder(files(), (folder) => {
		assert.equal(readProgram(folder), { client, server, constants: new Float64Array(8).fill(2) });
	});
});

test('a build directory with a part missing, broken or of another version is refused', () => {
	refused(without('client/program.json'), /client.program\.json is missing/);
	refused(without('server/constants.bin'), /constants\.bin is missing/);
	refused(files({ 'server/program.json': '{"format":' }), /is not JSON/);
	refused(files({ 'server/program.json': 'null' }), /format "unknown"/);
	refused(files({ 'server/program.json': JSON.stringify({ ...server, format: 'onnx-seal plan 0' }) }), /plan 0/);
	refused(files({ 'client/program.json': JSON.stringify({ ...client, inputs: {} }) }), /wrong type/);
	refused(files({ 'server/program.json': JSON.stringify({ ...server, batch: '1' }) }), /wrong type/);
	refused(files({ 'server/constants.bin': twos.subarray(0, 60) }), /cut off/);
	refused(files({ 'server/constants.bin': twos.subarray(0, 56) }), /hold 7 numbers where the program uses 8/);
	refused(files({ 'server/constants.bin': new Uint8Array(64).fill(0xff) }), /not finite/);
	refused(files({ 'server/program.json': JSON.stringify({ ...server, fingerprint: 'beef' }) }), /different/);
});

test('a path that is no folder is refused', () => {
	assert.throws(() => readProgram('/nowhere/at/all'), /does not exist/);
	inFolder(files(), (folder) => {
		writeFileSync(join(folder, 'file'), '');
		assert.throws(() => readProgram(join(folder, 'file')), /not a build directory/);
	});
});

test.run();
