/** What the benchmarks share: the models of the zoo with their calibration, and a clock. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type NamedArray, readArrays } from '../cli/arrays.ts';
import { type Compiled, type CompileOptions, compile } from '../compiler/index.ts';
import type { ZooModel } from '../models/index.ts';

const folder = new URL('../models/', import.meta.url);

/** The only array of a .npy or .npz file below models/. */
export const arrayOf = (path: string): NamedArray => {
	const [array, another] = readArrays(fileURLToPath(new URL(path, folder))).values();
	if (array === undefined || another !== undefined) throw new Error(`${path} does not hold one array.`);
	return array;
};

/** The samples of a .npy or .npz file below models/, one array each. */
export const rowsOf = (path: string): Float64Array[] => {
	const { shape, data } = arrayOf(path);
	const size = data.length / (shape[0] as number);
	return Array.from({ length: shape[0] as number }, (_, i) => data.slice(i * size, (i + 1) * size));
};

/** A model of the zoo compiled with its own calibration; `input` is the name of its only input. */
export const compileZoo = (model: ZooModel, options: CompileOptions = {}): Compiled & { readonly input: string } => {
	const calibration = new Map([[model.input, rowsOf(model.calibration)]]);
	const compiled = compile(readFileSync(new URL(model.path, folder)), { ...options, calibration });
	return { ...compiled, input: model.input };
};

export const timed = async <T>(work: () => T | Promise<T>): Promise<{ readonly result: T; readonly ms: number }> => {
	const start = performance.now();
	const result = await work();
	return { result, ms: performance.now() - start };
};

/** The same with the CPU time of this process, all its threads, in ticks of some ms. */
export const cpuTimed = async <T>(work: () => T | Promise<T>): Promise<{ readonly result: T; readonly ms: number }> => {
	const start = process.cpuUsage();
	const result = await work();
	const { user, system } = process.cpuUsage(start);
	return { result, ms: (user + system) / 1000 };
};

/**
 * Mean CPU milliseconds of at least `count` runs and a second, once the code is hot: after three runs and a second and a half, which
 * the compilation of wasm in the background takes part in.
 */
export const steady = async (work: (k: number) => Promise<unknown>, count: number): Promise<number> => {
	let k = 0;
	const during = async (least: number, atLeastMs: number): Promise<number> => {
		const start = k;
		const { ms } = await cpuTimed(async () => {
			const begin = performance.now();
			while (k - start < least || performance.now() - begin < atLeastMs) await work(k++);
		});
		return ms / (k - start);
	};
	await during(3, 1500);
	return during(count, 1000);
};
