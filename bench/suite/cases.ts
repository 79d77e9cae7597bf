/** The cases that generate.py wrote. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type NamedArray, readArrays } from '../../cli/arrays.ts';

export const SUITE = new URL('../../build/suite/', import.meta.url);

export type CaseName = {
	readonly name: string;
	readonly op: string;
	readonly domain: string;
	/** Names of the inputs that are encrypted. */
	readonly inputs: readonly string[];
	readonly outputs: readonly { readonly name: string; readonly type: string }[];
	/** What the suite itself allows: absolute + relative |expected|. */
	readonly allowed: { readonly relative: number; readonly absolute: number };
};

/** A case with its data; what is not a tensor of numbers has none. */
export type Case = CaseName & {
	readonly model: Uint8Array;
	readonly given: ReadonlyMap<string, NamedArray>;
	readonly expected: ReadonlyMap<string, NamedArray>;
};

/** All cases by name, in alphabetical order. Throws an Error that says how to make them where there are none. */
export const caseNames = (): readonly CaseName[] => {
	const index = new URL('cases.json', SUITE);
	if (existsSync(index)) return JSON.parse(readFileSync(index, 'utf8'));
	throw new Error('There is no build/suite: the head of bench/suite/generate.py says how to make it.');
};

export const readCase = (case_: CaseName): Case => {
	const file = (ending: string): URL => new URL(`cases/${case_.name}${ending}`, SUITE);
	const path = fileURLToPath(file('.npz'));
	// An archive of nothing is 22 bytes.
	const arrays = readFileSync(path).length > 22 ? readArrays(path) : new Map<string, NamedArray>();
	const named = (kind: string, names: readonly string[]): ReadonlyMap<string, NamedArray> =>
		new Map(
			names.flatMap((name, k) => {
				const array = arrays.get(`${kind}${k}`);
				return array === undefined ? [] : [[name, array] as const];
			}),
		);
	const outputs = case_.outputs.map(({ name }) => name);
	const model = readFileSync(file('.onnx'));
	return { ...case_, model, given: named('input', case_.inputs), expected: named('output', outputs) };
};
