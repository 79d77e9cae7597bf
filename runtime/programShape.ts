import { RefusedError } from './errors.ts';
import {
	type ClientProgram,
	type Instruction,
	type KnownOutput,
	type OutputPacking,
	PLAN_FORMAT,
	type TailOp,
	virtualSlots,
} from './plan.ts';
import { tailShape } from './tail.ts';

/**
 * Halves of a program come from files that anyone may have changed: are all fields there, and of the right types? What
 * instructions mean together is checked by `values.ts`, which takes that for granted.
 */
type Check = (value: unknown) => boolean;
export const isText: Check = (value) => typeof value === 'string';
export const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isFlag: Check = (value) => typeof value === 'boolean';
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
export const isList =
	(of: Check): Check =>
	(value) =>
		Array.isArray(value) && value.every(of);
export const isRecord =
	(fields: Readonly<Record<string, Check>>): Check =>
	(value) =>
		typeof value === 'object' &&
		value !== null &&
		Object.entries(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]));

const isRun: Check = (value) => isList(isNumber)(value) && (value as readonly unknown[]).length === 4;
const port = { name: isText, level: isCount, scale: isNumber };
const packing = { ...port, shape: isList(isCount), parts: isList(isList(isRun)) };
const common = {
	name: isText,
	fingerprint: isText,
	batch: isCount,
	parameters: isRecord({
		ringDegree: isCount,
		primes: isList(isCount),
		specialPrime: isCount,
		security: (value) => value === 128 || value === 192 || value === 256,
	}),
	keys: isRecord({
		relinearization: (value) => value === undefined || isCount(value),
		steps: isList(isRecord({ step: isCount, level: isCount })),
	}),
};
/** The same, and no other field: instructions are asked for registers by the names of their fields. */
const isExactly =
	(fields: Readonly<Record<string, Check>>): Check =>
	(value) =>
		isRecord(fields)(value) && Object.keys(value as object).every((name) => Object.hasOwn(fields, name));
/** One of several operations, with the fields that it has beside its name. */
const isOperation = (fieldsOf: Readonly<Record<string, Readonly<Record<string, Check>>>>): Check => {
	const checks = new Map(Object.entries(fieldsOf).map(([op, fields]) => [op, isExactly({ op: isText, ...fields })]));
	return (value) => isRecord({ op: isText })(value) && (checks.get((value as { op: string }).op)?.(value) ?? false);
};
const along = { axis: Number.isSafeInteger };
const tailFields: Readonly<Record<TailOp['op'], Readonly<Record<string, Check>>>> = {
	softmax: along,
	logSoftmax: along,
	hardmax: along,
	l1: along,
	sigmoid: {},
	votes: { classes: isCount },
	lookup: { values: isList(isNumber) },
	select: { values: isList(isCount) },
	argMax: { ...along, keepDims: isFlag, selectLast: isFlag },
	reshape: { shape: isList(isCount) },
};
/** Does the tail make the output's shape of what is decrypted? */
const hasFittingTail: Check = (value) => {
	const { encryptedShape, shape, tail } = value as OutputPacking;
	return String(tailShape(encryptedShape, tail)) === String(shape);
};
const isNames: Check = (value) => value === undefined || isList(isText)(value);
const isKnownOutput = isRecord({ name: isText, shape: isList(isCount), values: isList(isNumber) });
/** Its values fill its shape. */
const isKnown: Check = (value) => {
	if (!isKnownOutput(value)) return false;
	const { shape, values } = value as KnownOutput;
	return shape.reduce((product, d) => product * d, 1) === values.length;
};
const isOutput = isRecord({
	...packing,
	encryptedShape: isList(isCount),
	tail: isList(isOperation(tailFields)),
	classes: isNames,
});
const isClient = isRecord({
	...common,
	knownOutputs: (value) => value === undefined || isList(isKnown)(value),
	inputs: isList(isRecord({ ...packing, range: isList(isNumber) })),
	outputs: isList((value) => isOutput(value) && hasFittingTail(value)),
});
/** Do runs of elements stay in the slots of a sample, and outputs in what their parts hold? Else they take any time and memory. */
const hasFittingRuns: Check = (value) => {
	const program = value as ClientProgram;
	const slots = virtualSlots(program);
	const ports: readonly Pick<OutputPacking, 'parts'>[] = [...program.inputs, ...program.outputs];
	return (
		ports.every(({ parts }) =>
			parts.every((runs) => runs.every(([slot, length]) => isCount(slot) && isCount(length) && slot + length <= slots)),
		) &&
		program.outputs.every(
			({ encryptedShape, parts }) => encryptedShape.reduce((size, d) => size * d, 1) <= parts.length * slots,
		)
	);
};
/** A part has 2 KB at least: no message could hold more. */
const isPartCount: Check = (value) => isCount(value) && Number(value) <= 2 ** 20;
/** The fields of every instruction beside its name. */
const instructionFields: Readonly<Record<Instruction['op'], Readonly<Record<string, Check>>>> = {
	input: { to: isCount, input: isCount, part: isCount },
	output: { a: isCount, output: isCount, part: isCount },
	add: { to: isCount, a: isCount, b: isCount },
	subtract: { to: isCount, a: isCount, b: isCount },
	multiply: { to: isCount, a: isCount, b: isCount },
	negate: { to: isCount, a: isCount },
	decompose: { to: isCount, a: isCount },
	relinearize: { to: isCount, a: isCount },
	modDown: { to: isCount, a: isCount },
	rescale: { to: isCount, a: isCount },
	addPlain: { to: isCount, a: isCount, constant: isCount },
	sumProducts: { to: isCount, terms: isList(isCount), constants: isList(isCount) },
	combine: { to: isList(isCount), terms: isList(isCount), offset: isCount, level: isCount, scale: isNumber },
	rotate: { to: isCount, a: isCount, digits: isCount, steps: isNumber },
	modSwitch: { to: isCount, a: isCount, level: isCount },
};
const isExtended: Check = (value) => value === undefined || value === true;
const isServer = isRecord({
	...common,
	inputs: isList(isRecord({ ...port, parts: isPartCount })),
	outputs: isList(isRecord({ ...port, parts: isPartCount })),
	registers: isCount,
	instructions: isList(isOperation(instructionFields)),
	constants: isList(isRecord({ offset: isCount, level: isCount, scale: isNumber, extended: isExtended })),
	keepConstants: isFlag,
	memory: isRecord({
		context: isNumber,
		keys: isNumber,
		constants: isNumber,
		ciphertexts: isNumber,
		temporaries: isNumber,
	}),
});

const complaint = (value: unknown, check: Check): string | undefined => {
	const format = isRecord({ format: isText })(value) ? (value as { format: string }).format : undefined;
	if (format !== PLAN_FORMAT) return `has the format "${format ?? 'unknown'}", not "${PLAN_FORMAT}"`;
	return check(value) ? undefined : 'lacks fields of a program, or has fields of the wrong type';
};

/** Why this is no client's or no server's half of a program, as the rest of a sentence about it; undefined when it is one. */
export const clientComplaint = (value: unknown): string | undefined =>
	complaint(value, (half) => isClient(half) && hasFittingRuns(half));
export const serverComplaint = (value: unknown): string | undefined => complaint(value, isServer);

/** Throws RefusedError 'program' where there is a complaint. */
export const checkShape = (why: string | undefined): void => {
	if (why !== undefined) throw new RefusedError('program', `the program ${why}`, 'Compile the model again.');
};
