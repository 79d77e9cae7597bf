import { createHash } from 'node:crypto';
import { ClearBackend, type ClearCiphertext } from '../../runtime/backends/clear.ts';
import { Constants } from '../../runtime/constants.ts';
import { RefusedError } from '../../runtime/errors.ts';
import { Executor, type Ports } from '../../runtime/execute.ts';
import { expanded, type SimpleInstruction, type SimpleProgram } from '../../runtime/expand.ts';
import {
	type CkksParameters,
	type ConstantSpec,
	type InputPacking,
	type Instruction,
	type KeyNeeds,
	type OutputPacking,
	PLAN_FORMAT,
	type Program,
	type SlotRun,
} from '../../runtime/plan.ts';

const isPrime = (value: number): boolean => {
	if (value % 2 === 0) return false;
	for (let d = 3; d * d <= value; d += 2) if (value % d === 0) return false;
	return true;
};

/** The largest primes below 2^bits that are 1 mod 2N, distinct over the whole list. */
export const findPrimes = (ringDegree: number, bits: readonly number[]): number[] => {
	const found: number[] = [];
	for (const b of bits) {
		let candidate = 2 ** b + 1;
		do candidate -= 2 * ringDegree;
		while (found.includes(candidate) || !isPrime(candidate));
		found.push(candidate);
	}
	return found;
};

export const makeParameters = (ringDegree: number, bits: readonly number[], specialBits: number): CkksParameters => {
	const all = findPrimes(ringDegree, [...bits, specialBits]);
	return { ringDegree, primes: all.slice(0, -1), specialPrime: all.at(-1) as number, security: 128 };
};

/** N = 4096, one rescale, 102 of the 106 bits that 128-bit security allows. */
export const SMALL = makeParameters(4096, [34, 24], 44);
export const SCALE = 2 ** 24;

/** [[0, length, 0, 1]]: element i in slot i. */
const inOrder = (length: number): SlotRun[] => [[0, length, 0, 1]];

export type Sketch = {
	readonly parameters?: CkksParameters;
	readonly batch?: number;
	readonly inputs: readonly (Partial<InputPacking> & { readonly shape: readonly number[] })[];
	readonly outputs: readonly (Partial<OutputPacking> & { readonly level: number; readonly scale: number })[];
	readonly keys?: Partial<KeyNeeds>;
	readonly instructions: readonly Instruction[];
	readonly constants?: readonly (Omit<ConstantSpec, 'offset'> & { readonly values: Float64Array })[];
};

/** Keys for relinearisation and these rotations that serve every level of the parameters. */
export const everyKey = ({ primes }: CkksParameters, ...steps: readonly number[]): KeyNeeds => {
	const level = primes.length - 1;
	return { relinearization: level, steps: steps.map((step) => ({ step, level })) };
};

/** A whole program from what a test cares about. */
export const makeProgram = (sketch: Sketch): Program => {
	const parameters = sketch.parameters ?? SMALL;
	const batch = sketch.batch ?? 1;
	const virtual = parameters.ringDegree / 2 / batch;
	const keys = { steps: [], ...sketch.keys };
	const constants = sketch.constants ?? [];
	const inputs = sketch.inputs.map((input, i): InputPacking => {
		const size = input.shape.reduce((a, b) => a * b, 1);
		return {
			name: `x${i}`,
			range: [-4, 4],
			parts: [inOrder(size)],
			level: parameters.primes.length - 1,
			scale: SCALE,
			...input,
		};
	});
	const outputs = sketch.outputs.map((output, i): OutputPacking => {
		const shape = output.encryptedShape ?? [virtual];
		return {
			name: `y${i}`,
			encryptedShape: shape,
			shape,
			parts: [inOrder(shape.reduce((a, b) => a * b, 1))],
			tail: [],
			plausible: 1e3,
			predictedError: 1,
			magnitude: 1,
			...output,
		};
	});
	const common = {
		format: PLAN_FORMAT,
		name: 'test',
		fingerprint: createHash('sha256').update(JSON.stringify(sketch)).digest('hex'),
		parameters,
		batch,
		keys,
	} as const;
	const port = ({ name, parts, level, scale }: InputPacking | OutputPacking) => ({
		name,
		parts: parts.length,
		level,
		scale,
	});
	const values = new Float64Array(constants.length * virtual);
	constants.forEach((constant, i) => {
		values.set(constant.values, i * virtual);
	});
	return {
		client: { ...common, inputs, outputs },
		server: {
			...common,
			inputs: inputs.map(port),
			outputs: outputs.map(port),
			registers: 8,
			instructions: sketch.instructions,
			constants: constants.map(({ level, scale }, i) => ({ offset: i * virtual, level, scale })),
			keepConstants: true,
			memory: { context: 10e6, keys: 8e6, constants: 1e6, ciphertexts: 8e6, temporaries: 4e6 },
		},
		constants: values,
	};
};

/** x^2, c x + d and x + rot_3(x) - rot_-1(x), for x of `size` elements: every operation but one at once. */
export const everyOperation = (batch = 1, size = 64): Program => {
	const [, q1] = SMALL.primes as [number, number];
	const virtual = SMALL.ringDegree / 2 / batch;
	const ramp = Float64Array.from({ length: virtual }, (_, t) => Math.cos(t));
	return makeProgram({
		batch,
		inputs: [{ shape: [size] }],
		keys: {
			relinearization: 1,
			steps: [
				{ step: 3 * batch, level: 1 },
				{ step: (virtual - 1) * batch, level: 1 },
			],
		},
		constants: [
			{ level: 1, scale: q1, values: ramp },
			{ level: 0, scale: SCALE, values: ramp.map((value) => value - 0.5) },
		],
		instructions: [
			{ op: 'input', to: 0, input: 0, part: 0 },
			{ op: 'multiply', to: 1, a: 0, b: 0 },
			{ op: 'relinearize', to: 1, a: 1 },
			{ op: 'rescale', to: 1, a: 1 },
			{ op: 'output', a: 1, output: 0, part: 0 },
			{ op: 'sumProducts', to: 2, terms: [0], constants: [0] },
			{ op: 'rescale', to: 2, a: 2 },
			{ op: 'addPlain', to: 2, a: 2, constant: 1 },
			{ op: 'output', a: 2, output: 1, part: 0 },
			{ op: 'decompose', to: 5, a: 0 },
			{ op: 'rotate', to: 3, a: 0, digits: 5, steps: 3 * batch },
			{ op: 'rotate', to: 4, a: 0, digits: 5, steps: (virtual - 1) * batch },
			{ op: 'add', to: 3, a: 0, b: 3 },
			{ op: 'negate', to: 4, a: 4 },
			{ op: 'subtract', to: 0, a: 3, b: 4 },
			{ op: 'modDown', to: 0, a: 0 },
			{ op: 'modSwitch', to: 0, a: 0, level: 0 },
			{ op: 'output', a: 0, output: 2, part: 0 },
		],
		outputs: [
			{ level: 0, scale: SCALE ** 2 / q1 },
			{ level: 0, scale: SCALE },
			{ level: 0, scale: SCALE },
		],
	});
};

/** What `everyOperation` should give for one sample, straight from its definition. */
export const everyAnswer = (x: ArrayLike<number>, virtual: number): Float64Array[] => {
	const at = (t: number): number => x[((t % virtual) + virtual) % virtual] ?? 0;
	const slots = Array.from({ length: virtual }, (_, t) => t);
	return [
		Float64Array.from(slots, (t) => at(t) ** 2),
		Float64Array.from(slots, (t) => Math.cos(t) * at(t) + Math.cos(t) - 0.5),
		Float64Array.from(slots, (t) => at(t) + at(t + 3) + at(t - 1)),
	];
};

export const rootMeanSquare = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
	let sum = 0;
	for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
	return Math.sqrt(sum / a.length);
};

export const maxDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
	let max = 0;
	for (let i = 0; i < a.length; i++) max = Math.max(max, Math.abs((a[i] as number) - (b[i] as number)));
	return max;
};

/** Deterministic values in [-1, 1]. */
export const sampleOf = (size: number, seed = 1): Float64Array =>
	Float64Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (i + 1) * seed + seed));

export type SimpleProgramOf = { readonly server: SimpleProgram; readonly constants: Float64Array };

/** The program as backends execute it. */
export const simple = ({ server, constants }: Program): SimpleProgramOf => ({ server: expanded(server), constants });

/** The program with these simple operations as they are, legal or not. */
export const withSimple = (
	{ server, constants }: Pick<Program, 'constants'> & { readonly server: Omit<Program['server'], 'instructions'> },
	instructions: readonly SimpleInstruction[],
): SimpleProgramOf => ({ server: { ...server, instructions, sources: instructions.map((_, k) => k) }, constants });

/** An executor on the clear backend whose inputs are sampleOf(slots, 1 + input) and whose outputs are collected. */
export const setUp = ({ server, constants }: SimpleProgramOf) => {
	const backend = new ClearBackend(server.parameters, server.keys);
	const outputs: Float64Array[] = [];
	const ports: Ports<ClearCiphertext> = {
		load: (input) => backend.encrypt(sampleOf(server.parameters.ringDegree / 2, 1 + input), 1, SCALE),
		store: (output, _part, ciphertext) => {
			outputs[output] = backend.decrypt(ciphertext);
		},
	};
	const executor = new Executor(server, new Constants(server, constants, backend, true), backend);
	return { backend, outputs, ports, executor };
};

/** The code of the RefusedError that f throws; fails on anything else. */
export const refusalOf = (f: () => unknown): string => {
	try {
		f();
	} catch (error) {
		if (error instanceof RefusedError) return error.code;
		throw error;
	}
	throw new Error('nothing was refused');
};

/** The same for a promise. */
export const refusalOfAsync = async (promise: Promise<unknown>): Promise<RefusedError> => {
	try {
		await promise;
	} catch (error) {
		if (error instanceof RefusedError) return error;
		throw error;
	}
	throw new Error('nothing was refused');
};
