/**
 * Peers that are measured: TenSEAL from PyPI, and native SEAL where a C++ compiler and the library are. Each evaluates on one
 * thread in a process of its own. A peer that is not to be had is a sentence that says why.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { SimpleInstruction, SimpleProgram } from '../../runtime/expand.ts';
import type { Convolution, Linear, Matrix, Network } from './network.ts';
import { PeerProcess } from './process.ts';
import { byTenseal, SCALE_BITS } from './tenseal.ts';

export type Peer = {
	/** Name and version. */
	readonly name: string;
	readonly process: PeerProcess;
	/** What it says of itself. */
	readonly note: string;
};

const TENSEAL = 'tenseal==0.3.18';
const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** Where what peers need is installed and built. */
const FOLDER = pathOf('../../build/peers/');
/** Pins a process to one processor where that is possible, so that nothing of it runs beside. */
const pinned = (...command: readonly string[]): readonly string[] =>
	spawnSync('taskset', ['-c', '0', 'true']).status === 0 ? ['taskset', '-c', '0', ...command] : command;
const ONE_THREAD = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };

/** A started peer that has answered its job; the reason when it does not. */
const started = async (
	command: readonly string[],
	env: NodeJS.ProcessEnv,
	job: string,
): Promise<{ readonly process: PeerProcess; readonly answer: unknown } | string> => {
	const process = new PeerProcess(pinned(...command), { ...globalThis.process.env, ...env, ...ONE_THREAD });
	try {
		return { process, answer: await process.ask(job) };
	} catch (error) {
		process.close();
		return error instanceof Error ? error.message : String(error);
	}
};

/** A Python that has TenSEAL: PYTHON, python3 or the system's; from PyPI into build/peers where none has it. Undefined: none can. */
const pythonWithTenseal = (): { readonly python: string; readonly env: NodeJS.ProcessEnv } | undefined => {
	const target = `${FOLDER}tenseal`;
	const pythons = [process.env.PYTHON ?? 'python3', '/usr/bin/python3'];
	const run = (python: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): boolean =>
		spawnSync(python, args, { env: { ...process.env, ...env } }).status === 0;
	for (const env of [{}, { PYTHONPATH: target }])
		for (const python of pythons) if (run(python, ['-c', 'import tenseal'], env)) return { python, env };
	for (const python of pythons)
		if (run(python, ['-m', 'pip', 'install', '--quiet', '--target', target, TENSEAL]))
			return { python, env: { PYTHONPATH: target } };
	return undefined;
};

const rowsOf = (values: Float64Array, columns: number): readonly (readonly number[])[] =>
	Array.from({ length: values.length / columns }, (_, i) => [...values.subarray(i * columns, (i + 1) * columns)]);

/** The image with its border of zeros, which TenSEAL does not add. */
const padded = ({ input, padding }: Convolution, x: Float64Array): readonly (readonly number[])[] => {
	const [height, width] = [input.height + 2 * padding, input.width + 2 * padding];
	const image = new Float64Array(height * width);
	for (let row = 0; row < input.height; row++)
		image.set(x.subarray(row * input.width, (row + 1) * input.width), (row + padding) * width + padding);
	return rowsOf(image, width);
};

const windowsOf = (layer: Convolution, x: Float64Array): object => ({
	input: padded(layer, x),
	windows: [layer.size, layer.size, layer.stride],
});

const kernelsOf = ({ weights, size, bias }: Convolution): object => ({
	kernels: rowsOf(weights, size ** 2).map((kernel) => rowsOf(Float64Array.from(kernel), size)),
	bias: [...bias],
});

/** One layer as the script of TenSEAL takes it. */
const layerOf = (first: Linear | undefined, matrix: Matrix): object => {
	if (first?.kind === 'dense' && first.rows === 1) return { dot: [...first.weights], bias: [...first.bias] };
	return { matrix: rowsOf(matrix.values, matrix.outputs), bias: [...matrix.bias] };
};

/** TenSEAL on a network, by its own tutorial's way and the parameters that `byTenseal` finds for it. */
export const startTenseal = async (network: Network, x: Float64Array): Promise<Peer | string> => {
	const found = pythonWithTenseal();
	if (found === undefined)
		return `TenSEAL was not measured: no Python here has it, nor can install ${TENSEAL} from PyPI.`;
	const { costs, way } = byTenseal(network);
	const { stages, matrices, first } = way;
	const layers = matrices.map((matrix, k) => layerOf(stages[k]?.[0], matrix));
	const job = {
		...{ ringDegree: costs.ringDegree, primes: costs.primes, scaleBits: SCALE_BITS },
		...(first === undefined
			? { input: [...x], layers }
			: { ...windowsOf(first, x), layers: [kernelsOf(first), ...layers.slice(1)] }),
	};
	const peer = await started([found.python, pathOf('measure_tenseal.py')], found.env, JSON.stringify(job));
	if (typeof peer === 'string') return `TenSEAL was not measured: ${peer}`;
	const { version, python, keyBytes, uploadBytes } = peer.answer as Readonly<Record<string, unknown>>;
	const sent = `keys ${(Number(keyBytes) / 1e6).toFixed(1)} MB, upload ${(Number(uploadBytes) / 1e6).toFixed(2)} MB`;
	return {
		name: `TenSEAL ${version}`,
		process: peer.process,
		note: `N = ${costs.ringDegree}, ${costs.primes.length} primes, ${sent}, Python ${python}`,
	};
};

/** Simple operations, and what they need. */
export type NativeProgram = Pick<
	SimpleProgram,
	'parameters' | 'keys' | 'constants' | 'registers' | 'instructions' | 'inputs'
>;

/** The operations as numbers and words; see native/native.cpp. */
const nativeText = (program: NativeProgram): string => {
	const { parameters, keys, constants, registers, instructions, inputs } = program;
	const list = (items: readonly unknown[]): string => [items.length, ...items].join(' ');
	const port = ({ level, scale }: { readonly level: number; readonly scale: number }): string => `${level} ${scale}`;
	const parts = inputs.flatMap((input) => new Array<typeof input>(input.parts).fill(input));
	const firstPart = inputs.map((_, k) => inputs.slice(0, k).reduce((sum, input) => sum + input.parts, 0));
	const line = (step: SimpleInstruction): string => {
		const [a, b] = operandsOf(step, firstPart);
		const more = step.op === 'combine' ? ` ${port(step)} ${list(step.terms)}` : '';
		return `${step.op} ${step.op === 'output' ? 0 : step.to} ${a} ${b}${more}`;
	};
	return [
		parameters.ringDegree,
		list([...parameters.primes, parameters.specialPrime]),
		list(keys.steps.map(({ step }) => step)),
		list(constants.map(port)),
		list(parts.map(port)),
		registers,
		list(instructions.map(line)),
	].join(' ');
};

const operandsOf = (step: SimpleInstruction, firstPart: readonly number[]): readonly [number, number] => {
	switch (step.op) {
		case 'input':
			return [(firstPart[step.input] as number) + step.part, 0];
		case 'combine':
			return [0, 0];
		case 'add':
		case 'subtract':
		case 'multiply':
			return [step.a, step.b];
		case 'addPlain':
		case 'multiplyPlain':
			return [step.a, step.constant];
		case 'rotate':
			return [step.a, step.steps];
		case 'modSwitch':
			return [step.a, step.level];
		default:
			return [step.a, 0];
	}
};

/** The program of the native peer, built where that is necessary; the reason when it cannot be. SEAL_PREFIX: where SEAL is installed. */
const builtNative = (): string => {
	const [source, build] = [pathOf('native/'), `${FOLDER}native`];
	const prefix = process.env.SEAL_PREFIX === undefined ? [] : [`-DCMAKE_PREFIX_PATH=${process.env.SEAL_PREFIX}`];
	for (const args of [
		['-S', source, '-B', build, ...prefix],
		['--build', build],
	]) {
		const { status, stderr, error } = spawnSync('cmake', args, { encoding: 'utf8' });
		if (status !== 0) throw new Error(error?.message ?? stderr.trim().split('\n')[0] ?? 'cmake failed');
	}
	return `${build}/native`;
};

/** Native SEAL on simple operations. */
export const startNative = async (program: NativeProgram): Promise<Peer | string> => {
	const missing = 'Native SEAL was not measured (SEAL_PREFIX names where it is installed):';
	let command: string;
	try {
		command = builtNative();
	} catch (error) {
		return `${missing} ${error instanceof Error ? error.message : String(error)}`;
	}
	if (!existsSync(command)) return `${missing} nothing was built.`;
	const peer = await started([command], {}, nativeText(program));
	if (typeof peer === 'string') return `Native SEAL was not measured: ${peer}`;
	const { version } = peer.answer as Readonly<Record<string, unknown>>;
	return { name: `SEAL ${version}`, process: peer.process, note: 'native, operation by operation' };
};
