import { InternalError } from '../errors.ts';
import { type CkksCircuit, type Kind, type Op, readsConstant } from './circuit.ts';
import { SEAL_COSTS } from './costTable.ts';

/** Milliseconds of an operation on p primes: c0 + c1 p + c2 p^2. */
type Polynomial = readonly [c0: number, c1: number, c2: number];

/** Measured costs of one backend at one ring degree, on one thread; p is the number of primes of the operand. */
export type OperationCosts = {
	readonly rotate: Polynomial;
	readonly relinearize: Polynomial;
	readonly multiply: Polynomial;
	readonly square: Polynomial;
	readonly multiplyPlain: Polynomial;
	readonly add: Polynomial;
	readonly addPlain: Polynomial;
	readonly rescale: Polynomial;
	/** By one level. */
	readonly modSwitch: Polynomial;
	/** A constant that is one number in all slots; p of the ciphertext it is for. */
	readonly encodeNumber: Polynomial;
	/** An input from the bytes that were sent, and an output to bytes. */
	readonly load: Polynomial;
	readonly save: Polynomial;
	readonly decrypt: Polynomial;
	/** From here on p is the number of all data primes. `encode` is of a vector, for any level. */
	readonly encode: Polynomial;
	readonly encrypt: Polynomial;
	/** Everything that SEAL computes from the parameters, on each side. */
	readonly setUp: Polynomial;
	/** One evaluation key for all levels: made by the client, checked and loaded by the server. */
	readonly makeKey: Polynomial;
	readonly loadKey: Polynomial;
};

/** Backends that times are predicted for. Each has a table of its own. */
type MeasuredBackend = 'seal';
const COSTS: ReadonlyMap<MeasuredBackend, ReadonlyMap<number, OperationCosts>> = new Map([['seal', SEAL_COSTS]]);

/** Throws InternalError for a ring degree that was not measured. */
export const costsOf = (ringDegree: number, backend: MeasuredBackend = 'seal'): OperationCosts => {
	const costs = COSTS.get(backend)?.get(ringDegree);
	if (costs === undefined) throw new InternalError('cost', `no costs of ring degree ${ringDegree} on ${backend}`);
	return costs;
};

const at = ([c0, c1, c2]: Polynomial, p: number): number => c0 + c1 * p + c2 * p * p;

/** Milliseconds of an operation whose result has p primes and whose operand has size 2; a combination, for each of its terms. */
const MILLISECONDS: { readonly [K in Kind]: (costs: OperationCosts, p: number) => number } = {
	input: ({ load }, p) => at(load, p),
	rotate: ({ rotate }, p) => at(rotate, p),
	relinearize: ({ relinearize }, p) => at(relinearize, p),
	multiply: ({ multiply }, p) => at(multiply, p),
	multiplyPlain: ({ multiplyPlain }, p) => at(multiplyPlain, p),
	combine: ({ encodeNumber, multiplyPlain, add }, p) => at(encodeNumber, p) + at(multiplyPlain, p) + at(add, p),
	addPlain: ({ addPlain }, p) => at(addPlain, p),
	add: ({ add }, p) => at(add, p),
	subtract: ({ add }, p) => at(add, p),
	negate: ({ addPlain }, p) => at(addPlain, p),
	rescale: ({ rescale }, p) => at(rescale, p + 1),
	modSwitch: ({ modSwitch }, p) => at(modSwitch, p + 1),
};

/**
 * Predicted milliseconds of one operation whose result has `primes` primes, at this ring degree, on one thread. It needs no
 * parameters, so a search over packings can ask it. Throws InternalError for a ring degree that was not measured.
 */
export const operationMilliseconds = (
	kind: Kind,
	ringDegree: number,
	primes: number,
	backend: MeasuredBackend = 'seal',
): number => MILLISECONDS[kind](costsOf(ringDegree, backend), primes);

/** Predicted milliseconds of encoding a constant, at any level, where there are so many data primes. */
export const encodeMilliseconds = (ringDegree: number, primes: number, backend: MeasuredBackend = 'seal'): number =>
	at(costsOf(ringDegree, backend).encode, primes);

/** The same of an operation of a circuit: squares cost less, values of three polynomials more, and switches by levels. */
const millisecondsOf = (circuit: CkksCircuit, op: Op, costs: OperationCosts): number => {
	const p = op.level + 1;
	switch (op.kind) {
		case 'multiply':
			return at(op.a === op.b ? costs.square : costs.multiply, p);
		case 'combine':
			return op.terms.length * MILLISECONDS.combine(costs, p);
		case 'modSwitch': {
			const from = circuit.ops[op.a]?.level ?? op.level + 1;
			let total = 0;
			for (let level = from; level > op.level; level--) total += at(costs.modSwitch, level + 1);
			return (total * op.size) / 2;
		}
		case 'rotate':
		case 'relinearize':
			return MILLISECONDS[op.kind](costs, p);
		default:
			return (MILLISECONDS[op.kind](costs, p) * op.size) / 2;
	}
};

/**
 * Predicted time of each operation of one evaluation on one thread: constants were encoded before and kept, or each is encoded
 * where it is used. Those of one virtual slot are single numbers, which cost next to nothing.
 */
export const operationTimes = (
	circuit: CkksCircuit,
	keepConstants = true,
	backend: MeasuredBackend = 'seal',
): Float64Array => {
	const { ops, parameters, slots } = circuit;
	const costs = costsOf(parameters.ringDegree, backend);
	const encode = keepConstants || slots === 1 ? 0 : at(costs.encode, parameters.primes.length);
	return Float64Array.from(ops, (op) => millisecondsOf(circuit, op, costs) + (readsConstant(op) ? encode : 0));
};

/** Predicted time of one evaluation on one thread, from the request to the answer; constants as in `operationTimes`. */
export const estimateMilliseconds = (
	circuit: CkksCircuit,
	keepConstants = true,
	backend: MeasuredBackend = 'seal',
): number => {
	const costs = costsOf(circuit.parameters.ringDegree, backend);
	const written = circuit.outputs.flatMap(({ parts }) => parts);
	const save = written.reduce((total, id) => total + at(costs.save, (circuit.ops[id]?.level ?? 0) + 1), 0);
	return operationTimes(circuit, keepConstants, backend).reduce((total, ms) => total + ms, save + REQUEST);
};

/** Milliseconds of checking a request and of writing the answer, whatever they hold. */
const REQUEST = 1;

/** Predicted milliseconds of what surrounds an evaluation. */
export type Surroundings = {
	/** Once: on each side; on the client; on the server. */
	readonly setUpMs: number;
	readonly keygenMs: number;
	readonly loadKeysMs: number;
	readonly encryptMs: number;
	/** The first evaluation, which also encodes the constants that are kept. */
	readonly firstEvaluateMs: number;
	readonly decryptMs: number;
};

export const estimateSurroundings = (
	circuit: CkksCircuit,
	keyCount: number,
	keepConstants = true,
	backend: MeasuredBackend = 'seal',
): Surroundings => {
	const { ops, outputs, parameters, constants } = circuit;
	const costs = costsOf(parameters.ringDegree, backend);
	const primes = parameters.primes.length;
	const count = (kind: Kind): number => ops.filter((op) => op.kind === kind).length;
	const decrypted = outputs.flatMap(({ parts }) => parts.map((id) => at(costs.decrypt, (ops[id]?.level ?? 0) + 1)));
	// Constants of one virtual slot are single numbers, encoded at each use.
	const kept = circuit.slots === 1 || !keepConstants ? 0 : constants.length;
	return {
		setUpMs: at(costs.setUp, primes),
		keygenMs: keyCount * at(costs.makeKey, primes),
		loadKeysMs: keyCount * at(costs.loadKey, primes),
		encryptMs: count('input') * at(costs.encrypt, primes),
		firstEvaluateMs: estimateMilliseconds(circuit, keepConstants, backend) + kept * at(costs.encode, primes),
		decryptMs: decrypted.reduce((total, ms) => total + ms, 0),
	};
};
