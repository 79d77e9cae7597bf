import { decodeModel } from '../../compiler/onnx/decode.ts';
import { ExternalData, readTensor } from '../../compiler/onnx/tensor.ts';

/** Looks for the weights of a model in bytes: as float64 and float32 in both byte orders, and as text. */

const LINEAR = new Set(['Gemm', 'MatMul', 'Conv']);

/** The weights of linear layers, as lists in the order of the file; not their biases, which a client may add. None in files of their own. */
export const linearWeights = (bytes: Uint8Array): readonly Float64Array[] => {
	const { graph } = decodeModel(bytes);
	const names = new Set(
		(graph?.node ?? [])
			.filter(({ opType }) => LINEAR.has(opType ?? ''))
			.flatMap(({ input }) => (input ?? []).slice(0, 2)),
	);
	return (graph?.initializer ?? [])
		.filter(({ name }) => names.has(name ?? ''))
		.map((tensor) => Float64Array.from(readTensor(tensor, new ExternalData(undefined)).data, Number));
};

/** Numbers that other things may be as well: zeros, and whatever has few bits. */
const isCommon = (value: number): boolean => Number.isInteger(value * 2 ** 12) || !Number.isFinite(value);

const key = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low);

/** Every run of 8 bytes that two neighbouring weights, or one, are written as; and every weight as a number. */
const needlesOf = (lists: readonly Float64Array[]) => {
	const runs = new Set<bigint>();
	const numbers = new Set<number>();
	const view = new DataView(new ArrayBuffer(8));
	const addRun = (): void => {
		runs.add(key(view.getUint32(0), view.getUint32(4)));
	};
	for (const list of lists)
		list.forEach((value, i) => {
			if (isCommon(value)) return;
			numbers.add(value).add(Math.fround(value));
			for (const little of [true, false]) {
				view.setFloat64(0, value, little);
				addRun();
				const next = list[i + 1] ?? 0;
				if (isCommon(next)) continue;
				view.setFloat32(0, value, little);
				view.setFloat32(4, next, little);
				addRun();
			}
		});
	return { runs, numbers };
};

/** A number as JavaScript, JSON and C write it, with seven digits or more: what float32 takes. */
const NUMBER = /-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/g;
const isLong = (text: string): boolean => text.replace(/[eE].*$/, '').replace(/^[-0.]+|\./g, '').length >= 7;

/** Finds weights, wherever they begin. Of lists with one weight only, float32 is not looked for: other bytes are like it by chance. */
export const weightFinder = (lists: readonly Float64Array[]) => {
	const { runs, numbers } = needlesOf(lists);
	return {
		count: numbers.size,
		/** How many places of these bytes hold weights. */
		in: (bytes: Uint8Array): number => {
			const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
			let found = 0;
			for (let at = 0; at + 8 <= bytes.length; at++)
				if (runs.has(key(view.getUint32(at), view.getUint32(at + 4)))) found++;
			for (const [text] of Buffer.from(bytes).toString('latin1').matchAll(NUMBER))
				if (isLong(text) && (numbers.has(Number(text)) || numbers.has(Math.fround(Number(text))))) found++;
			return found;
		},
	};
};
