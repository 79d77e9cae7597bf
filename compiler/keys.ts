import type { KeyNeeds } from '../runtime/plan.ts';
import { keyLengths, keySlots, messageLength } from '../runtime/sizes.ts';
import type { CkksCircuit } from './ckks/circuit.ts';
import { packingCostsOf } from './ckks/cost.ts';
import type { Solution } from './ckks/parameters.ts';
import { budgetOf, totalMemory } from './codegen/budget.ts';
import { draftOf, keyNeeds } from './codegen/draft.ts';
import { evaluationMilliseconds } from './codegen/times.ts';
import { refuse } from './errors.ts';
import { type CompileOptions, type Objective, type Target, type TargetBackend, targetOf } from './options.ts';
import type { Id, SlotCircuit } from './slots/circuit.ts';
import type { Keys } from './slots/keys/choose.ts';
import { type Composed, fewerKeys, type KeyPrices, type Limited, limitKeys } from './slots/keys/limit.ts';

/** What it costs to have fewer evaluation keys than rotation steps. Times in milliseconds, bytes as sent. */
export type KeyLimit = {
	readonly maxKeys: number | undefined;
	readonly maxBytes: number | undefined;
	/** With a key for every step. */
	readonly unlimited: { readonly count: number; readonly bytes: number; readonly evaluateMs: number };
	/** Steps that have no key any more, and those they are composed of: in virtual slots, in the report in real ones. */
	readonly composed: readonly Composed[];
	readonly extraRotations: number;
	readonly extraMs: number;
};

/** A circuit with its parameters. */
export type Keyed<S extends Solution> = {
	readonly circuit: SlotCircuit;
	readonly solution: S;
	readonly keyLimit?: KeyLimit;
};

/** Choices of keys that may be tried: parameters that are found anew for each change the lengths of keys. */
const MOST_ATTEMPTS = 4;

/**
 * The circuit with its evaluation keys within the limits of the options: rotations are composed of those by fewer steps where
 * that is needed. Levels, and with them prices, are those of `solution`; `solve` finds parameters for the new circuit, whose
 * rotations add noise. Undefined when it finds none. Refuses limits that cannot be kept at a bearable price.
 */
export const withinKeys = <S extends Solution>(
	circuit: SlotCircuit,
	solution: S,
	options: CompileOptions,
	solve: (circuit: SlotCircuit) => S | undefined,
): Keyed<S> | undefined => {
	const { maxKeys = Number.POSITIVE_INFINITY, maxKeyBytes = Number.POSITIVE_INFINITY } = options;
	const keeps = ({ count, bytes }: Sent): boolean => count <= maxKeys && bytes <= maxKeyBytes;
	const { objective, backend } = targetOf(options);
	const prices = pricesOf(solution.circuit, backend);
	const thrift = THRIFT.get(objective);
	const start =
		thrift === undefined ? { circuit, solution } : thrifty(circuit, solution, prices, options, thrift, solve);
	if (keeps(sentFor(start.solution))) return start;
	let allowed = maxKeyBytes;
	for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
		const fits = (keys: Keys): boolean => {
			const { count, bytes } = sentWith(solution, keys);
			return count <= maxKeys && bytes <= allowed;
		};
		const limited = limitKeys(circuit, prices, fits) ?? refuseLimit(circuit, solution, prices, options);
		const solved = solve(limited.circuit);
		if (solved === undefined) return undefined;
		const sent = sentFor(solved);
		if (keeps(sent))
			return { circuit: limited.circuit, solution: solved, keyLimit: limitOf(options, solution, solved, limited) };
		allowed *= (0.98 * maxKeyBytes) / sent.bytes;
	}
	return refuseLimit(circuit, solution, prices, options);
};

/** What fewer keys are to save, in bytes, and the share by which an evaluation may become slower for it. */
type Thrift = { readonly bytesOf: (solution: Solution, target: Target) => number; readonly price: number };

/** Objectives that give up keys without being told how many: what is sent, or all that the server holds, is to be less. */
const THRIFT: ReadonlyMap<Objective, Thrift> = new Map<Objective, Thrift>([
	['keys', { bytesOf: (solution) => sentFor(solution).bytes, price: 0.25 }],
	['memory', { bytesOf: ({ circuit }, target) => totalMemory(budgetOf(draftOf(circuit), target).memory), price: 0.5 }],
]);

/** Predicted time of an evaluation. */
const evaluationOf = ({ circuit }: Solution, options: CompileOptions): number => {
	const target = targetOf(options);
	const draft = draftOf(circuit);
	return evaluationMilliseconds(circuit, draft, target.backend, budgetOf(draft, target).keepConstants);
};

/** The circuit with as few keys as cost little time; as it was where parameters cannot be found. */
const thrifty = <S extends Solution>(
	circuit: SlotCircuit,
	solution: S,
	prices: KeyPrices,
	options: CompileOptions,
	{ bytesOf, price }: Thrift,
	solve: (circuit: SlotCircuit) => S | undefined,
): Keyed<S> => {
	const fewer = fewerKeys(circuit, prices, price * evaluationOf(solution, options));
	const solved = fewer.composed.length === 0 ? undefined : solve(fewer.circuit);
	if (solved === undefined || bytesOf(solved, targetOf(options)) >= bytesOf(solution, targetOf(options)))
		return { circuit, solution };
	return { circuit: fewer.circuit, solution: solved, keyLimit: limitOf(options, solution, solved, fewer) };
};

type Sent = { readonly count: number; readonly bytes: number };

const sentOf = ({ parameters }: CkksCircuit, needs: KeyNeeds): Sent => ({
	count: keySlots(needs).length,
	bytes: messageLength(keyLengths(parameters, needs)),
});

/** The keys that a circuit needs, as sent. */
const sentFor = ({ circuit }: Solution): Sent => sentOf(circuit, keyNeeds(circuit, 1));

/** The same with other rotation keys. */
const sentWith = ({ circuit }: Solution, keys: Keys): Sent => {
	const steps = [...keys].map(([step, level]) => ({ step, level }));
	return sentOf(circuit, { ...keyNeeds(circuit, 1), steps });
};

/** Levels and prices of the rotations of a circuit. */
const pricesOf = ({ ops, parameters: { ringDegree } }: CkksCircuit, backend: TargetBackend): KeyPrices => {
	const levels = new Map<Id, number>();
	for (const op of ops) if (op.kind === 'rotate') levels.set(op.slot, Math.max(levels.get(op.slot) ?? 0, op.level));
	return { levels, costs: (level) => packingCostsOf(ringDegree, level + 1, backend) };
};

const rotationsIn = ({ circuit }: Solution): number => circuit.ops.filter(({ kind }) => kind === 'rotate').length;

const limitOf = (options: CompileOptions, unlimited: Solution, solution: Solution, { composed }: Limited): KeyLimit => {
	const evaluateMs = evaluationOf(unlimited, options);
	return {
		maxKeys: options.maxKeys,
		maxBytes: options.maxKeyBytes,
		unlimited: { ...sentFor(unlimited), evaluateMs: rounded(evaluateMs) },
		composed,
		extraRotations: rotationsIn(solution) - rotationsIn(unlimited),
		extraMs: rounded(evaluationOf(solution, options) - evaluateMs),
	};
};

const rounded = (milliseconds: number): number => Number(milliseconds.toPrecision(3));

/** Says how few keys would do. */
const refuseLimit = (
	circuit: SlotCircuit,
	solution: Solution,
	prices: KeyPrices,
	{ maxKeys, maxKeyBytes }: CompileOptions,
): never => {
	const all = sentFor(solution);
	const fewest = fewestKeys(circuit, solution, prices) ?? all;
	const asked = [
		...(maxKeys === undefined ? [] : [`${maxKeys} evaluation keys`]),
		...(maxKeyBytes === undefined ? [] : [`${maxKeyBytes} bytes of evaluation keys`]),
	].join(' and ');
	return refuse({
		code: 'option',
		message: `${asked} are not enough for this model: it uses ${keysText(all)}, and with less than ${keysText(fewest)} its rotations would take many times as long.`,
		hint: `Allow at least ${[
			...(maxKeys === undefined ? [] : [`--max-keys ${Math.max(maxKeys, fewest.count)}`]),
			...(maxKeyBytes === undefined ? [] : [`--max-key-bytes ${Math.max(maxKeyBytes, fewest.bytes)}`]),
		].join(' and ')}, or compile without a limit.`,
	});
};

const keysText = ({ count, bytes }: Sent): string => `${count} key${count === 1 ? '' : 's'} of ${bytes} bytes`;

/** The fewest keys from which rotations can be composed at a bearable price. */
const fewestKeys = (circuit: SlotCircuit, solution: Solution, prices: KeyPrices): Sent | undefined => {
	const { count } = sentFor(solution);
	for (let few = 1; few < count; few++) {
		const limited = limitKeys(circuit, prices, (keys) => sentWith(solution, keys).count <= few);
		if (limited !== undefined) return sentWith(solution, limited.keys);
	}
	return undefined;
};
