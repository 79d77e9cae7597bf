import { COPIED_PER_MILLISECOND, copiedBytes, KERNEL_SIZES } from '../../runtime/kernel/memory.ts';
import {
	type Computation,
	type Instruction,
	registersRead,
	registersWritten,
	virtualSlots,
} from '../../runtime/plan.ts';
import { type CiphertextValue, type Value, valuesOf } from '../../runtime/values.ts';
import type { CkksCircuit } from '../ckks/circuit.ts';
import { estimateMilliseconds, kernelCostsOf, REQUEST } from '../ckks/cost.ts';
import { decomposeMilliseconds, type KernelCosts, rescaleMilliseconds, rowsOf } from '../ckks/kernelCosts.ts';
import { at, type Polynomial } from '../ckks/milliseconds.ts';
import { InternalError } from '../errors.ts';
import type { TargetBackend } from '../options.ts';

/** Predicted time of one evaluation on one thread, from the request to the answer; `computation` is that of the circuit. */
export const evaluationMilliseconds = (
	circuit: CkksCircuit,
	computation: Computation,
	backend: TargetBackend,
	keepConstants: boolean,
): number =>
	backend === 'seal'
		? estimateMilliseconds(circuit, keepConstants, 'seal')
		: instructionTimes(computation, keepConstants).reduce((total, ms) => total + ms, REQUEST);

/** Predicted milliseconds of each instruction on the kernel and one thread, encodings of constants that are not kept and copies of keys outside the wasm memory included. */
export const instructionTimes = (computation: Computation, keepConstants: boolean): Float64Array => {
	const costs = kernelCostsOf(computation.parameters.ringDegree);
	const numbers = virtualSlots(computation) === 1;
	const encoded = numbers ? costs.encodeNumber : keepConstants ? undefined : costs.encode;
	const values = valuesOf(computation);
	const copied = copiedBytes(computation, keepConstants, KERNEL_SIZES);
	const held = new Map<number, Value>();
	return Float64Array.from(computation.instructions, (step, k) => {
		const [result] = values[k] ?? [];
		const read = (): CiphertextValue => ciphertext(held.get(registersRead(step)[0] ?? -1));
		const copying = (copied[k] ?? 0) / COPIED_PER_MILLISECOND;
		const ms = millisecondsOf(step, result, read, costs) + encoding(step, result, encoded) + copying;
		registersWritten(step).forEach((register, i) => {
			held.set(register, values[k]?.[i] as Value);
		});
		return ms;
	});
};

const ciphertext = (value: Value | undefined): CiphertextValue => {
	if (value?.kind !== 'ciphertext') throw new InternalError('cost', 'an instruction without a ciphertext');
	return value;
};

/** `read` gives the first operand. */
const millisecondsOf = (
	step: Instruction,
	result: Value | undefined,
	read: () => CiphertextValue,
	costs: KernelCosts,
): number => {
	const primes = (): number => read().level + 1;
	/** Of an operation that goes through the rows of its result. */
	const byRows = (cost: Polynomial): number => {
		const { level, size, extended } = ciphertext(result);
		return (at(cost, rowsOf(level + 1, extended)) * size) / 2;
	};
	switch (step.op) {
		case 'input':
			return byRows(costs.load);
		case 'output':
			return at(costs.save, primes());
		case 'add':
		case 'subtract':
		case 'negate':
			return byRows(costs.add);
		case 'addPlain':
			return byRows(costs.addPlain);
		case 'modSwitch':
			return byRows(costs.modSwitch);
		case 'sumProducts':
			return step.terms.length * byRows(costs.plainTerm);
		case 'combine':
			return step.to.length * step.terms.length * at(costs.combineTerm, primes());
		case 'multiply':
			return at(step.a === step.b ? costs.square : costs.multiply, primes());
		case 'decompose':
			return decomposeMilliseconds(costs, primes(), read().extended);
		case 'rotate':
			return at(costs.rotate, primes());
		case 'relinearize':
			return at(costs.relinearize, primes());
		case 'modDown':
			return at(costs.modDown, primes());
		case 'rescale':
			return rescaleMilliseconds(costs, primes(), read().extended, read().size);
	}
};

/** Milliseconds of encoding the constants of an instruction, each at that cost where it is encoded at all. */
const encoding = (step: Instruction, result: Value | undefined, cost: Polynomial | undefined): number => {
	const count = step.op === 'sumProducts' ? step.constants.length : step.op === 'addPlain' ? 1 : 0;
	if (count === 0 || cost === undefined) return 0;
	const { level, extended } = ciphertext(result);
	return count * at(cost, rowsOf(level + 1, extended && step.op === 'sumProducts'));
};
