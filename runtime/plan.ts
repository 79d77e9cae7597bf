/**
 * The plan: what a compiled model is. The compiler writes it, the runtime executes it, and nothing else passes between
 * them. It has two halves with one fingerprint: the client's (parameters, packing, head and tail; no weights) and the
 * server's (instructions and constants; nothing that can decrypt). Both are plain JSON; the constants are beside the
 * server's half as little-endian float64.
 *
 * Words: `slots` are real slots n = ringDegree / 2; a circuit is written for v = n / batch *virtual slots*, and virtual
 * slot t of sample b is real slot t * batch + b. Steps of rotations are in real slots, left positive: result[t] = x[t + steps].
 * `level` is the index of the last prime left: a ciphertext at level l is modulo primes[0..l].
 */
export const PLAN_FORMAT = 'onnx-seal plan 3';

export type SecurityBits = 128 | 192 | 256;

/** What a server computes a plan with. */
export type EngineName = 'kernel' | 'seal';

/** CKKS parameters. All primes are 1 mod 2 * ringDegree and below 2^53. */
export type CkksParameters = {
	/** N, a power of two. */
	readonly ringDegree: number;
	/** Data primes; primes[l] is divided away by the rescale from level l to l - 1. */
	readonly primes: readonly number[];
	/** The special prime of key switching. */
	readonly specialPrime: number;
	/** Security against classical attacks, by the table of ia.cr/2024/463. */
	readonly security: SecurityBits;
};

/** An arithmetic run of elements in slots: slot `slot + i` holds element `element + i * step`, for 0 <= i < length. */
export type SlotRun = readonly [slot: number, length: number, element: number, step: number];

/** Where the client puts the elements of one input, in virtual slots; slots in no run are zero. */
export type InputPacking = {
	readonly name: string;
	readonly shape: readonly number[];
	/** Done in the clear before encryption: element i becomes x * scale[i] + shift[i]. Absent when the identity. */
	readonly head?: { readonly scale: readonly number[]; readonly shift: readonly number[] };
	/** Values after the head outside [low, high] are refused: the polynomials and the modulus were chosen for this range. */
	readonly range: readonly [low: number, high: number];
	/** One list of runs for each ciphertext. */
	readonly parts: readonly (readonly SlotRun[])[];
	/** Level and exact scale of the fresh ciphertexts. */
	readonly level: number;
	readonly scale: number;
};

/** What the client does in the clear after decryption, on an array of `shape`. */
export type TailOp =
	| { readonly op: 'softmax' | 'logSoftmax' | 'hardmax' | 'l1'; readonly axis: number }
	| { readonly op: 'sigmoid' }
	| { readonly op: 'votes'; readonly classes: number }
	| { readonly op: 'lookup' | 'select'; readonly values: readonly number[] }
	| { readonly op: 'argMax'; readonly axis: number; readonly keepDims: boolean; readonly selectLast: boolean }
	| { readonly op: 'reshape'; readonly shape: readonly number[] };

/** Where the elements of one output are: element runs as in the input packing, each element exactly once. */
export type OutputPacking = {
	readonly name: string;
	/** Shape of what is decrypted, before the tail. */
	readonly encryptedShape: readonly number[];
	/** Shape after the tail: what the model's output has. */
	readonly shape: readonly number[];
	readonly parts: readonly (readonly SlotRun[])[];
	readonly level: number;
	readonly scale: number;
	readonly tail: readonly TailOp[];
	/** Of an index: the names of the classes that it counts. */
	readonly classes?: readonly string[];
	/** A decrypted value beyond this magnitude means the run left the range it was compiled for. */
	readonly plausible: number;
	/** Predicted bound of the absolute error of an element before the tail, and the magnitude it is relative to. */
	readonly predictedError: number;
	readonly magnitude: number;
};

/**
 * The evaluation keys a program needs, and nothing more: the rotations in real slots, ascending, and for each key the highest
 * level of a ciphertext that it is used on. It serves the levels below as well, and none above. No `relinearization`: no such key.
 */
export type KeyNeeds = { readonly relinearization?: number; readonly steps: readonly KeyStep[] };
export type KeyStep = { readonly step: number; readonly level: number };

/** An output that is the same for every input: the client knows it. Row-major. */
export type KnownOutput = {
	readonly name: string;
	readonly shape: readonly number[];
	readonly values: readonly number[];
};

export type ClientProgram = {
	readonly format: typeof PLAN_FORMAT;
	readonly name: string;
	readonly fingerprint: string;
	readonly parameters: CkksParameters;
	readonly batch: number;
	readonly inputs: readonly InputPacking[];
	readonly outputs: readonly OutputPacking[];
	/** Outputs that nothing is decrypted for; absent when there are none. */
	readonly knownOutputs?: readonly KnownOutput[];
	readonly keys: KeyNeeds;
};

/** What `decrypt` gives, in its order: the outputs that are decrypted, and those that the client knows. */
export const everyOutput = ({
	outputs,
	knownOutputs = [],
}: Pick<ClientProgram, 'outputs' | 'knownOutputs'>): readonly Pick<OutputPacking, 'name' | 'shape' | 'classes'>[] => [
	...outputs,
	...knownOutputs,
];

/**
 * One step of the program on registers. A register holds a *ciphertext* (level, scale, size 2 or 3, extended or not) or *digits*.
 * An *extended* ciphertext is over primes 0..level and P, and stands for P times the value: what key switching gives before it is
 * divided by P. It has size 2. `to` may be the register of an operand that dies here.
 *
 * | op            | reads                                                     | writes                                                     |
 * |---------------|-----------------------------------------------------------|------------------------------------------------------------|
 * | input         |                                                           | a ciphertext, not extended                                 |
 * | output        | a: size 2, not extended                                   |                                                            |
 * | add, subtract | a, b: one level and scale; none extended beside size 3    | extended if a or b is; the larger size                     |
 * | negate        | a                                                         | like a                                                     |
 * | multiply      | a, b: size 2, one level, not extended                     | size 3                                                     |
 * | addPlain      | a; the constant: never extended                           | like a                                                     |
 * | sumProducts   | terms: one level and size, all extended or none           | sum_k constants[k] terms[k], the products of one scale     |
 * | combine       | terms: size 2, one level and scale, not extended          | to[i] = sum_k c[offset + i * terms.length + k] terms[k]    |
 * | decompose     | a: size 2                                                 | digits of a's second polynomial (of a / P if extended)     |
 * | rotate        | a: size 2; digits of it                                   | extended                                                   |
 * | relinearize   | a: size 3                                                 | size 2, extended                                           |
 * | modDown       | a: extended                                               | a / P: not extended                                        |
 * | rescale       | a                                                         | not extended: an extended a is divided by P at once        |
 * | modSwitch     | a                                                         | like a, at a lower level                                   |
 *
 * Constants of a sum of products are extended where its terms are. The numbers c of `combine` are words of the constants,
 * encoded at `level`, which its terms have, and `scale`.
 */
export type Instruction =
	| { readonly op: 'input'; readonly to: number; readonly input: number; readonly part: number }
	| { readonly op: 'output'; readonly a: number; readonly output: number; readonly part: number }
	| { readonly op: 'add' | 'subtract' | 'multiply'; readonly to: number; readonly a: number; readonly b: number }
	| { readonly op: UnaryOp; readonly to: number; readonly a: number }
	| { readonly op: 'addPlain'; readonly to: number; readonly a: number; readonly constant: number }
	| {
			readonly op: 'sumProducts';
			readonly to: number;
			readonly terms: readonly number[];
			readonly constants: readonly number[];
	  }
	| {
			readonly op: 'combine';
			readonly to: readonly number[];
			readonly terms: readonly number[];
			readonly offset: number;
			readonly level: number;
			readonly scale: number;
	  }
	| {
			readonly op: 'rotate';
			readonly to: number;
			readonly a: number;
			readonly digits: number;
			readonly steps: number;
	  }
	| { readonly op: 'modSwitch'; readonly to: number; readonly a: number; readonly level: number };

type UnaryOp = 'negate' | 'decompose' | 'relinearize' | 'modDown' | 'rescale';

/** Where instructions name registers. */
export type Registers = {
	readonly to?: number | readonly number[];
	readonly a?: number;
	readonly b?: number;
	readonly digits?: number;
	readonly terms?: readonly number[];
};

/** The registers that an instruction reads, each once. */
export const registersRead = ({ a, b, digits, terms = [] }: Registers): readonly number[] => [
	...new Set([a, b, digits, ...terms].filter((register) => register !== undefined)),
];

/** The registers that an instruction writes. */
export const registersWritten = ({ to }: Registers): readonly number[] => {
	if (to === undefined) return [];
	return typeof to === 'number' ? [to] : to;
};

/**
 * A plaintext: v virtual slots at float64 word `offset` of the constants, to be encoded at `level` and `scale`; over P as well
 * where it is `extended`.
 */
export type ConstantSpec = {
	readonly offset: number;
	readonly level: number;
	readonly scale: number;
	readonly extended?: true;
};

/** A wasm heap ends at 4 GB; predictions are a few per cent off, and what crosses the wire is in it for a moment. */
export const MOST_MEMORY = 3.75 * 2 ** 30;

/** Bytes that an evaluation takes, as predicted by the compiler (in a program: for the seal backend): together, the most it ever takes. */
export type MemoryNeeds = {
	/** The module, and what SEAL computes once from the parameters. */
	readonly context: number;
	/** One set of evaluation keys. */
	readonly keys: number;
	/** All constants, encoded; 0 when they are not kept. */
	readonly constants: number;
	/** The ciphertexts that are alive at once. */
	readonly ciphertexts: number;
	/** What single operations hold while they compute. */
	readonly temporaries: number;
};

/** A fresh or final ciphertext as the server expects or returns it. */
export type Port = { readonly name: string; readonly parts: number; readonly level: number; readonly scale: number };

export type ServerProgram = {
	readonly format: typeof PLAN_FORMAT;
	readonly name: string;
	readonly fingerprint: string;
	readonly parameters: CkksParameters;
	readonly batch: number;
	readonly inputs: readonly Port[];
	readonly outputs: readonly Port[];
	readonly keys: KeyNeeds;
	readonly registers: number;
	readonly instructions: readonly Instruction[];
	readonly constants: readonly ConstantSpec[];
	/** May encoded constants be kept for the next evaluation? Else each is encoded where it is used: less memory, more time. */
	readonly keepConstants: boolean;
	readonly memory: MemoryNeeds;
};

/** What a server does, without what is decided last: all that predictions are made from. */
export type Computation = Omit<ServerProgram, 'fingerprint' | 'keepConstants' | 'memory'>;

/** Everything the compiler makes for the runtime. */
export type Program = {
	readonly client: ClientProgram;
	readonly server: ServerProgram;
	/** The vectors of `server.constants`, one after another; equal vectors are stored once. */
	readonly constants: Float64Array;
};

/** Virtual slots v of a program: what a constant's length and a slot run's bounds are. */
export const virtualSlots = (program: { readonly parameters: CkksParameters; readonly batch: number }): number =>
	program.parameters.ringDegree / 2 / program.batch;

/** A rotation's step as the plan's keys name it: in [0, n). */
export const normalizeSteps = (steps: number, slots: number): number => ((steps % slots) + slots) % slots;

/** Progress of anything that takes over a second: `done` of `total` steps of `stage`. */
export type Progress = { readonly stage: string; readonly done: number; readonly total: number };
export type ProgressListener = (progress: Progress) => void;
