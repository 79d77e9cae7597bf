import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { writeFiles } from '../../cli/buildDir.ts';
import { readModel, readSamples } from '../../cli/model.ts';
import { compile, writeBuild } from '../../compiler/index.ts';
import { createClient } from '../../runtime/client.ts';
import type { BlobStore } from '../../runtime/service/blobs.ts';
import type { Job } from '../../runtime/service/jobs.ts';

/** The smallest model of the zoo, compiled: what the service computes in tests. */
const folder = join(import.meta.dirname, '..', '..', 'models', 'breast-cancer-logistic');
const ports = [{ name: 'features', shape: [1, 30] }];
const calibration = readSamples([join(folder, 'model.calibration.npy')], ports);
const compiled = compile(readModel(join(folder, 'model.onnx')).bytes, { calibration });
const samples = readSamples([join(folder, 'samples', 'features.npy')], ports).get('features') ?? [];

export const { program } = compiled;

/** A folder of this process, with a build in `build`; both go when the process ends. */
export const scratch = (): { readonly folder: string; readonly build: string } => {
	const made = mkdtempSync(join(tmpdir(), 'onnx-seal-service-'));
	process.on('exit', () => rmSync(made, { recursive: true, force: true }));
	const build = join(made, 'build');
	writeFiles(build, writeBuild(compiled));
	return { folder: made, build };
};

const there = <T>(value: T | undefined, what: string): T => {
	if (value === undefined) throw new Error(`${what} should be there`);
	return value;
};

/** A user: keys, requests and what their answers have to be. */
export const makeUser = async (owner: string) => {
	const client = await createClient(program.client);
	const parts: Uint8Array[] = [];
	for await (const { bytes } of client.evaluationKeyParts()) parts.push(bytes);
	const sampleAt = (index: number): Float64Array => there(samples[index % samples.length], 'a sample');
	return {
		owner,
		keySet: client.keySet,
		/** Evaluation keys, as they are sent. */
		parts,
		/** A job on sample `index`, with everything that it needs among the blobs. */
		job: async (blobs: BlobStore, index: number, id = `${owner}-${randomBytes(4).toString('hex')}`): Promise<Job> => {
			const input = await blobs.put(await client.encrypt({ features: sampleAt(index) }), 1e9);
			const keys: string[] = [];
			for (const part of parts) keys.push((await blobs.put(part, part.length)).name);
			return { id, owner, keySet: client.keySet, input: input.name, keys };
		},
		/** Fails unless the outputs are those of sample `index`. */
		check: async (blobs: BlobStore, output: string | undefined, index: number): Promise<void> => {
			const bytes = there(await blobs.get(there(output, 'an output')), 'its bytes');
			const { outputs } = await client.decrypt(bytes);
			for (const [name, { data }] of compiled.clear(new Map([['features', sampleAt(index)]])))
				data.forEach((value, i) => {
					assert.ok(Math.abs(value - (outputs.get(name)?.data[i] ?? Number.NaN)) < 0.02, `${name}[${i}]`);
				});
		},
	};
};

export type User = Awaited<ReturnType<typeof makeUser>>;
