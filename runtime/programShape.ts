import { RefusedError } from './errors.ts';
import { type Instruction, PLAN_FORMAT } from './plan.ts';

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
const isNames: Check = (value) => value === undefined || isList(isText)(value);
const isKnown = isRecord({ name: isText, shape: isList(isCount), values: isList(isNumber) });
const isClient = isRecord({
	...common,
	knownOutputs: (value) => value === undefined || isList(isKnown)(value),
	inputs: isList(isRecord({ ...packing, range: isList(isNumber) })),
	outputs: isList(
		isRecord({ ...packing, encryptedShape: isList(isCount), tail: isList(isRecord({ op: isText })), classes: isNames }),
	),
});
/** The same, and no other field: instructions are asked for registers by the names of their fields. */
const isExactly =
	(fields: Readonly<Record<string, Check>>): Check =>
	(value) =>
		isRecord(fields)(value) && Object.keys(value as object).every((name) => Object.hasOwn(fields, name));
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
const instructionChecks: ReadonlyMap<string, Check> = new Map(
	Object.entries(instructionFields).map(([op, fields]) => [op, isExactly({ op: isText, ...fields })]),
);
const isInstruction: Check = (value) =>
	isRecord({ op: isText })(value) && (instructionChecks.get((value as { op: string }).op)?.(value) ?? false);
const isExtended: Check = (value) => value === undefined || value === true;
const isServer = isRecord({
	...common,
	inputs: isList(isRecord({ ...port, parts: isPartCount })),
	outputs: isList(isRecord({ ...port, parts: isPartCount })),
	registers: isCount,
	instructions: isList(isInstruction),
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
export const clientComplaint = (value: unknown): string | undefined => complaint(value, isClient);
export const serverComplaint = (value: unknown): string | undefined => complaint(value, isServer);

/** Throws RefusedError 'program' where there is a complaint. */
export const checkShape = (why: string | undefined): void => {
	if (why !== undefined) throw new RefusedError('program', `the program ${why}`, 'Compile the model again.');
};
