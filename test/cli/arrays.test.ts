import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assignArrays, parseNpy, readArrays, samplesIn, writeNpy } from '../../cli/arrays.ts';
import { RefusedError } from '../../runtime/errors.ts';

type Parts = { readonly descr?: string; readonly fortran?: string; readonly shape?: string; readonly version?: number };

/** A .npy file by the letter of the format's description, padded so that the header ends at a multiple of `align`. */
const npy = (
	data: Uint8Array,
	{ descr = '<f4', fortran = 'False', shape = '(3,)', version = 1 }: Parts,
	align = 64,
) => {
	const text = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
	const prefix = version > 1 ? 12 : 10;
	const length = Math.ceil((prefix + text.length + 1) / align) * align - prefix;
	const file = Buffer.alloc(prefix + length + data.length);
	file.write('\x93NUMPY', 'latin1');
	file[6] = version;
	if (version > 1) file.writeUInt32LE(length, 8);
	else file.writeUInt16LE(length, 8);
	file.write(`${text.padEnd(length - 1)}\n`, prefix, 'latin1');
	file.set(data, prefix + length);
	return new Uint8Array(file);
};

const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer);
const three = bytesOf(new Float32Array([0.5, -1, 2]));

const refused = (run: () => unknown, pattern: RegExp): void => {
	try {
		run();
	} catch (error) {
		assert.instance(error, RefusedError);
		assert.match((error as RefusedError).message, pattern);
		return;
	}
	assert.unreachable('nothing was refused');
};

const inFolder = (run: (folder: string) => void): void => {
	const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-arrays-'));
	try {
		run(folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
};

test('every element type is read to float64', () => {
	const cases: readonly (readonly [string, ArrayBufferView, readonly number[]])[] = [
		['<f4', new Float32Array([0.5, -1, 2]), [0.5, -1, 2]],
		['<f8', new Float64Array([0.1, -1, 2]), [0.1, -1, 2]],
		['<f2', new Uint16Array([0x3800, 0xbc00, 0x4000]), [0.5, -1, 2]],
		['|i1', new Int8Array([1, -2, 3]), [1, -2, 3]],
		['|u1', new Uint8Array([1, 2, 255]), [1, 2, 255]],
		['<i2', new Int16Array([1, -2, 300]), [1, -2, 300]],
		['<u2', new Uint16Array([1, 2, 65535]), [1, 2, 65535]],
		['<i4', new Int32Array([1, -2, 70000]), [1, -2, 70000]],
		['<u4', new Uint32Array([1, 2, 4294967295]), [1, 2, 4294967295]],
		['<i8', new BigInt64Array([1n, -2n, 3n]), [1, -2, 3]],
		['<u8', new BigUint64Array([1n, 2n, 3n]), [1, 2, 3]],
		['|b1', new Uint8Array([1, 0, 1]), [1, 0, 1]],
	];
	for (const [descr, array, expected] of cases) {
		const { shape, data } = parseNpy(npy(bytesOf(array), { descr }), 'x.npy');
		assert.equal(shape, [3], descr);
		assert.equal([...data], expected, descr);
	}
});

test('versions 1 to 3, any alignment and every shape are read', () => {
	for (const version of [1, 2, 3]) assert.equal(parseNpy(npy(three, { version }), 'x').shape, [3]);
	for (const align of [1, 2, 16]) assert.equal([...parseNpy(npy(three, {}, align), 'x').data], [0.5, -1, 2]);
	assert.equal(parseNpy(npy(three, { shape: '(1, 3)' }), 'x').shape, [1, 3]);
	assert.equal(parseNpy(npy(bytesOf(new Float32Array([7])), { shape: '()' }), 'x'), {
		shape: [],
		data: new Float64Array([7]),
	});
	assert.equal(parseNpy(npy(new Uint8Array(), { shape: '(0, 4)' }), 'x').shape, [0, 4]);
});

test('what is not exactly a little-endian C-order array is refused with its reason', () => {
	refused(() => parseNpy(new Uint8Array(0), 'x'), /not a .npy/);
	refused(() => parseNpy(new TextEncoder().encode('1,2,3\n4,5,6\n'), 'x'), /not a .npy/);
	refused(() => parseNpy(npy(three, {}).subarray(0, 50), 'x'), /cut off in its header/);
	refused(() => parseNpy(npy(three, {}).subarray(0, -1), 'x'), /is cut off: .* takes 12 bytes and it has 11/);
	refused(() => parseNpy(npy(three, { shape: '(2,)' }), 'x'), /too long/);
	refused(() => parseNpy(npy(three, { shape: '(99999999999, 99999999999)' }), 'x'), /cut off/);
	refused(() => parseNpy(npy(three, { descr: '>f4' }), 'x'), /big-endian/);
	refused(() => parseNpy(npy(three, { fortran: 'True' }), 'x'), /Fortran/);
	refused(() => parseNpy(npy(three, { descr: '|O' }), 'x'), /type "\|O"/);
	refused(() => parseNpy(npy(three, { descr: '<c8' }), 'x'), /type "<c8"/);
	refused(() => parseNpy(npy(three, { version: 9 }), 'x'), /version 9/);
	refused(() => parseNpy(npy(bytesOf(new BigInt64Array([2n ** 60n])), { descr: '<i8', shape: '(1,)' }), 'x'), /beyond/);
});

test('an .npz gives its arrays by name, stored or deflated', () => {
	inFolder((folder) => {
		const path = join(folder, 'both.npz');
		for (const level of [0, 9] as const) {
			writeFileSync(path, zipSync({ 'a.npy': npy(three, {}), 'b.npy': npy(three, { shape: '(3, 1)' }) }, { level }));
			const arrays = readArrays(path);
			assert.equal([...arrays.keys()], ['a', 'b']);
			assert.equal(arrays.get('b')?.shape, [3, 1]);
		}
		writeFileSync(path, new Uint8Array([0x50, 0x4b, 3, 4, 1, 2]));
		refused(() => readArrays(path), /not a readable/);
	});
});

test('what is written is what is read, and 8-byte aligned', () => {
	inFolder((folder) => {
		const path = join(folder, 'y.npy');
		for (const shape of [[], [1], [2, 3], [1, 2, 3, 4]]) {
			const data = Float64Array.from({ length: shape.reduce((p, d) => p * d, 1) }, (_, i) => i / 3);
			writeNpy(path, { shape, data });
			assert.equal(readArrays(path).get(''), { shape, data });
			assert.is((readFileSync(path).length - data.byteLength) % 8, 0);
		}
	});
});

test('files are assigned to tensors by name, or to the only one', () => {
	inFolder((folder) => {
		const a = join(folder, 'a.npy');
		const z = join(folder, 'z.npz');
		writeFileSync(a, npy(three, {}));
		writeFileSync(z, zipSync({ 'x.npy': npy(three, {}), 'y.npy': npy(three, { shape: '(1, 3)' }) }));
		assert.equal([...assignArrays([a], ['only'], 'input').keys()], ['only']);
		assert.equal([...assignArrays([`x=${a}`, `y=${a}`], ['x', 'y'], 'input').keys()], ['x', 'y']);
		assert.equal(assignArrays([z], ['x', 'y'], 'input').get('y')?.shape, [1, 3]);
		assert.equal(assignArrays([`y=${z}`, `x=${a}`], ['x', 'y'], 'input').get('y')?.shape, [1, 3]);
		refused(() => assignArrays([a], ['x', 'y'], 'input'), /does not say which/);
		refused(() => assignArrays([`x=${a}`], ['x', 'y'], 'input'), /a\.npy gives no value of the input "y"/);
		refused(() => assignArrays([`w=${a}`], ['x'], 'input'), /no input "w"/);
		refused(() => assignArrays([`x=${a}`, `x=${a}`], ['x'], 'input'), /twice/);
	});
});

test('a leading axis counts samples, any other shape is refused', () => {
	const array = (...shape: number[]) => ({
		shape,
		data: Float64Array.from({ length: shape.reduce((p, d) => p * d, 1) }, (_, i) => i),
	});
	const batch = samplesIn(array(3, 1, 2, 2), [1, 1, 2, 2], 'x');
	assert.equal(batch.map((sample) => [...sample]), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]); // biome-ignore format: rows
	assert.is(samplesIn(array(1, 1, 2, 2), [1, 1, 2, 2], 'x').length, 1);
	assert.is(samplesIn(array(1, 2, 2), [1, 1, 2, 2], 'x').length, 1);
	assert.is(samplesIn(array(5, 4), [4], 'x').length, 5);
	assert.is(samplesIn(array(5, 1), [1, 1], 'x').length, 5);
	refused(() => samplesIn(array(2, 2, 2), [1, 1, 2, 2], 'x'), /\[2, 2, 2\].*\[1, 1, 2, 2\]/);
	refused(() => samplesIn(array(0, 1, 2, 2), [1, 1, 2, 2], 'x'), /no sample/);
	refused(() => samplesIn(array(2, 3), [2, 2], 'x'), /\[2, 3\]/);
});

test.run();
