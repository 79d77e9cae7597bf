import { existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import { dump, parse } from 'npyjs';
import { RefusedError } from '../runtime/errors.ts';
import { readFile } from './readFile.ts';

/** A tensor from a file: row-major float64, whatever type the file holds. */
export type NamedArray = { readonly shape: readonly number[]; readonly data: Float64Array };

/** Bytes of one element by NumPy type code. */
const sizes: Readonly<Record<string, number>> = {
	...{ b1: 1, i1: 1, u1: 1, i2: 2, u2: 2, f2: 2, i4: 4, u4: 4, f4: 4, i8: 8, u8: 8, f8: 8 },
};
const largestArchive = 2 ** 31;

const refuse = (name: string, why: string, hint?: string): never => {
	throw new RefusedError('input', `${name} ${why}`, hint);
};

type Header = { readonly type: string; readonly shape: readonly number[]; readonly start: number };

/** Everything that is wrong with the header of a .npy file is said here: the parser itself believes what it is told. */
const readHeader = (bytes: Uint8Array, name: string): Header => {
	const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
	if (!magic.every((byte, i) => bytes[i] === byte)) refuse(name, 'is not a .npy file');
	if (bytes.length < 12) refuse(name, 'is cut off in its header');
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const long = view.getUint8(6) > 1;
	if (view.getUint8(6) < 1 || view.getUint8(6) > 3) refuse(name, `has .npy version ${view.getUint8(6)}, not 1 to 3`);
	const start = (long ? 12 : 10) + (long ? view.getUint32(8, true) : view.getUint16(8, true));
	if (start > bytes.length) refuse(name, 'is cut off in its header');
	const text = new TextDecoder('latin1').decode(bytes.subarray(long ? 12 : 10, start));
	const description =
		/'descr'\s*:\s*'([^']+)'/.exec(text)?.[1] ?? refuse(name, 'has elements that are not plain numbers');
	const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1] ?? refuse(name, 'does not say its order');
	const dimensions = /'shape'\s*:\s*\(([^)]*)\)/.exec(text)?.[1] ?? refuse(name, 'does not say its shape');
	if (description.startsWith('>'))
		refuse(name, `is big-endian ("${description}")`, 'Save it with .astype(a.dtype.newbyteorder("<"))');
	if (order === 'True') refuse(name, 'is in Fortran order', 'Save numpy.ascontiguousarray of it');
	const type = description.replace(/^[<|=]/, '');
	if (sizes[type] === undefined)
		refuse(name, `holds elements of type "${description}"`, 'Float, integer and bool types are read');
	const shape = dimensions.split(',').map((part) => part.trim()).filter((part) => part !== ''); // biome-ignore format: one thought
	if (!shape.every((part) => /^\d+L?$/.test(part))) refuse(name, `has the shape (${dimensions})`);
	return { type, shape: shape.map((part) => Number.parseInt(part, 10)), start };
};

/**
 * The tensor in the bytes of a .npy file: C order, little-endian, float, integer or bool. Throws RefusedError 'input' for
 * anything else, for a length that is not exactly what the shape says, and for 64-bit integers beyond 2^53.
 */
export const parseNpy = (bytes: Uint8Array, name: string): NamedArray => {
	const { type, shape, start } = readHeader(bytes, name);
	const count = shape.reduce((product, d) => product * BigInt(d), 1n);
	const expected = count * BigInt(sizes[type] ?? 0);
	const found = BigInt(bytes.length - start);
	if (found !== expected)
		refuse(
			name,
			`${found < expected ? 'is cut off' : 'is too long'}: its shape (${shape.join(', ')}) takes ${expected} bytes and it has ${found}`,
		);
	return { shape, data: toFloat64(parse(aligned(bytes, start)).data, name) };
};

/** The file with its data at a multiple of 8 bytes, as typed arrays need: the header is padded where it is not. */
const aligned = (bytes: Uint8Array, start: number): ArrayBuffer => {
	const padding = (8 - (start % 8)) % 8;
	const copy = new Uint8Array(bytes.length + padding);
	copy.set(bytes.subarray(0, start));
	copy.fill(0x20, start, start + padding);
	copy.set(bytes.subarray(start), start + padding);
	const view = new DataView(copy.buffer);
	if (view.getUint8(6) > 1) view.setUint32(8, start + padding - 12, true);
	else view.setUint16(8, start + padding - 10, true);
	return copy.buffer;
};

const toFloat64 = (data: ArrayBufferView | readonly boolean[], name: string): Float64Array => {
	if (data instanceof BigInt64Array || data instanceof BigUint64Array)
		return Float64Array.from(data, (value) =>
			Number.isSafeInteger(Number(value))
				? Number(value)
				: refuse(name, `holds ${value}, beyond what float64 keeps exactly`),
		);
	return Float64Array.from(data as Float64Array | readonly boolean[], Number);
};

/** The tensors of an .npz archive by name. */
const parseNpz = (bytes: Uint8Array, name: string): Map<string, NamedArray> => {
	let total = 0;
	const accept = (file: { name: string; originalSize: number }): boolean => {
		total += file.originalSize;
		if (total > largestArchive) refuse(name, `unpacks to more than ${largestArchive} bytes`);
		return file.name.endsWith('.npy');
	};
	const unpack = (): Record<string, Uint8Array> => {
		try {
			return unzipSync(bytes, { filter: accept });
		} catch (error) {
			if (error instanceof RefusedError) throw error;
			return refuse(name, 'is not a readable .npz archive');
		}
	};
	const arrays = Object.entries(unpack()).map(
		([file, content]) => [file.slice(0, -4), parseNpy(content, `${name}:${file}`)] as const,
	);
	if (arrays.length === 0) refuse(name, 'holds no array');
	return new Map(arrays);
};

/** All arrays of a .npy or .npz file by name; the one of a .npy file is called ''. */
export const readArrays = (path: string): Map<string, NamedArray> => {
	const bytes = readFile(path);
	const isArchive = bytes[0] === 0x50 && bytes[1] === 0x4b;
	return isArchive ? parseNpz(bytes, path) : new Map([['', parseNpy(bytes, path)]]);
};

type ElementType = 'f8' | 'f4' | 'i8';

/** A tensor as the bytes of a .npy file: float64, or float32 or int64 when asked. */
const npyBytes = ({ shape, data }: NamedArray, type: ElementType): Uint8Array => {
	const typed = { f8: () => data, f4: () => Float32Array.from(data), i8: () => BigInt64Array.from(data, BigInt) };
	return new Uint8Array(dump(typed[type](), [...shape]));
};

export const writeNpy = (path: string, array: NamedArray, type: ElementType = 'f8'): void =>
	writeFileSync(path, npyBytes(array, type));

/** Writes tensors as one .npz; the time stamps are fixed, so equal tensors give equal files. */
const writeNpz = (path: string, arrays: ReadonlyMap<string, NamedArray>): void => {
	const files = [...arrays].map(([name, array]) => [`${name}.npy`, npyBytes(array, 'f8')] as const);
	writeFileSync(path, zipSync(Object.fromEntries(files), { level: 0, mtime: '1980-01-01T00:00:00' }));
};

/** Refuses files to be written whose folder is not there: better before a long evaluation than after it. */
export const checkFolders = (given: readonly string[]): void => {
	for (const text of given) {
		const files = [...assignmentsIn(text).map(({ file }) => file), text];
		const found = files.map((file) => statSync(dirname(file), { throwIfNoEntry: false }));
		const [file = text] = files;
		if (!found.some((entry) => entry?.isDirectory()))
			refuse(`The folder ${dirname(file)} for ${file}`, found[0] === undefined ? 'does not exist' : 'is not a folder');
	}
};

/**
 * Writes tensors where `name=y.npy`, a bare `y.npy` (the only tensor) or a bare `y.npz` (all of them) says. The file
 * of each tensor by name.
 */
export const writeArrays = (
	given: readonly string[],
	arrays: ReadonlyMap<string, NamedArray>,
): ReadonlyMap<string, string> => {
	const files = new Map<string, string>();
	for (const { name, file } of given.map((text) => splitAssignment(text, [...arrays.keys()]))) {
		if (name === undefined && file.endsWith('.npz')) {
			writeNpz(file, arrays);
			for (const key of arrays.keys()) files.set(key, file);
			continue;
		}
		const names = [...arrays.keys()];
		const known = `The outputs are ${names.map((key) => `"${key}"`).join(', ')}`;
		if (name === undefined && names.length !== 1) refuse(file, 'does not say which output it is for', known);
		const key = name ?? (names[0] as string);
		writeNpy(file, arrays.get(key) ?? refuse(file, `is for the output "${key}", which does not exist`, known));
		files.set(key, file);
	}
	return files;
};

type Assignment = { readonly name: string | undefined; readonly file: string };

/** Every way to read `name=file`, since names and files may hold '=' themselves; the shortest name first. */
const assignmentsIn = (text: string): readonly Assignment[] =>
	[...text.matchAll(/=/g)]
		.filter(({ index }) => index > 0)
		.map(({ index }) => ({ name: text.slice(0, index), file: text.slice(index + 1) }));

/** `name=file` or a bare `file`: the name is undefined when it is not given. It is one of `names` where that can be. */
const splitAssignment = (text: string, names: readonly string[] = []): Assignment => {
	const ways = assignmentsIn(text);
	const bare = { name: undefined, file: text };
	const known = ways.findLast(({ name = '' }) => names.includes(name));
	return known ?? (isPath(text) ? bare : (ways[0] ?? bare));
};

/** Whether a text with '=' is a file that exists, or would lie in a folder whose name has it. */
const isPath = (text: string): boolean =>
	existsSync(text) || (dirname(text).includes('=') && existsSync(dirname(text)));

/** Inputs that have their value already, and whether an .npz may hold arrays for them all the same. */
export type KnownNames = {
	/** Those in the clear. */
	readonly plain?: readonly string[];
	/** Weights, which the model has. */
	readonly encrypted?: readonly string[];
	readonly passOver?: boolean;
	/** Said where inputs have no value. */
	readonly hint?: string;
};

/**
 * The arrays that `name=file.npy`, `file.npy` or `file.npz` arguments give to tensors called `names`, by name. A bare .npy file
 * is the only tensor; the arrays of an .npz are called as the tensors are, or there is one of each. What is given for an
 * input in `plain`, which has its value already, or for weights in `encrypted`, is refused, or passed over in an .npz.
 */
export const givenArrays = (
	given: readonly string[],
	names: readonly string[],
	what: string,
	{ plain = [], encrypted = [], passOver = false, hint = '' }: KnownNames = {},
): Map<string, NamedArray> => {
	const result = new Map<string, NamedArray>();
	const put = (name: string, array: NamedArray, file: string): void => {
		if (plain.includes(name))
			refuse(
				`${file}: the ${what} "${name}"`,
				'stays in the clear with the value that --plain gives it',
				'Leave it out here, or leave --plain out to encrypt it',
			);
		if (encrypted.includes(name))
			refuse(
				`${file}: the ${what} "${name}"`,
				'is a weight, and encrypted with the value that the model has',
				'Leave it out here; other weights go into the model',
			);
		if (!names.includes(name))
			refuse(
				`${file}: the model`,
				`has no ${what} "${name}"`,
				`It has ${names.map((known) => `"${known}"`).join(', ')}`,
			);
		if (result.has(name)) refuse(`The ${what} "${name}"`, 'is given twice');
		result.set(name, array);
	};
	for (const text of given) {
		const { name, file } = splitAssignment(text, [...names, ...plain, ...encrypted]);
		const arrays = readArrays(file);
		const only = arrays.size === 1 ? [...arrays.values()][0] : undefined;
		if (name !== undefined) put(name, arrays.get(name) ?? only ?? refuse(file, `holds no array "${name}"`), file);
		else if (only !== undefined && names.length === 1) put(names[0] as string, only, file);
		else if (arrays.has(''))
			refuse(file, `does not say which ${what} it is`, `Write name=${file}, with one of ${names.join(', ')}${hint}`);
		else
			for (const [key, array] of arrays)
				if (!(passOver && [...plain, ...encrypted].includes(key))) put(key, array, file);
	}
	return result;
};

/** An array for each of `names`. Throws RefusedError 'input' when one has none. */
export const assignArrays = (
	given: readonly string[],
	names: readonly string[],
	what: string,
	known: KnownNames = {},
): Map<string, NamedArray> => {
	const result = givenArrays(given, names, what, known);
	const missing = names.filter((name) => !result.has(name));
	if (missing.length > 0)
		refuse(
			given.map((text) => splitAssignment(text, names).file).join(', '),
			`gives no value of the ${what} ${missing.map((name) => `"${name}"`).join(', ')}`,
			`Write ${missing[0]}=x.npy, or --plain ${missing[0]}=x.npy for a value that is no secret, where the model is compiled${known.hint ?? ''}`,
		);
	return result;
};

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, d) => product * d, 1);
const equal = (a: readonly number[], b: readonly number[]): boolean =>
	a.length === b.length && a.every((d, i) => d === b[i]);

/**
 * The samples in an array for a tensor of `shape`: one when the shapes are equal; k when the array is [k, ...shape], or
 * [k, ...shape without its leading 1]. Throws RefusedError 'input' for any other shape.
 */
export const samplesIn = (array: NamedArray, shape: readonly number[], name: string): Float64Array[] => {
	if (equal(array.shape, shape)) return [array.data];
	const inner = shape[0] === 1 ? shape.slice(1) : shape;
	const rest = array.shape.slice(1);
	const count = array.shape[0] ?? 1;
	if (array.shape.length > 0 && (equal(rest, inner) || equal(rest, shape))) {
		const size = sizeOf(shape);
		if (count === 0) refuse(`The array for "${name}"`, 'holds no sample');
		return Array.from({ length: count }, (_, i) => array.data.slice(i * size, (i + 1) * size));
	}
	if (equal(array.shape, inner)) return [array.data];
	const batch = shape[0] === 1 ? `, or with k samples [${['k', ...inner].join(', ')}]` : '';
	return refuse(
		`The array for "${name}"`,
		`has the shape [${array.shape.join(', ')}], where the model takes [${shape.join(', ')}]${batch}`,
	);
};
