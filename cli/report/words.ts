import type { Report } from '../../compiler/report.ts';
import { escapeHtml } from './html.ts';
import { kindText } from './tables.ts';

type Word = readonly [word: string, meaning: string];

/** What every report speaks of. */
const WORDS: readonly Word[] = [
	['ct', 'ciphertexts: how many a layer reads, where it is more than one'],
	['slot', 'one of the N / 2 numbers in a ciphertext, N being the ring degree'],
	['level', 'how often a value can still be rescaled; operations on lower levels are cheaper'],
	['scale', 'the factor that values are multiplied by before they are rounded to integers'],
	['rot', 'rotations: all slots move by some places, with a key for each distance'],
	['mul, relin', 'products of ciphertexts, and the relinearizations that make these small again'],
	['plain mul', 'products with weights, which the server knows'],
	['rescale', 'divisions by a prime of the modulus, one level each'],
	['period, copies', 'elements repeat in the slots: after so many, so often'],
	['leftovers', 'partial sums in slots that no reader looks at'],
	['bits of precision', 'log2 of the largest value over the predicted error: 10 bits are about a thousandth'],
];

/** How layers are computed; only those that occur are explained. */
const KINDS: readonly Word[] = [
	['packed by the client', 'the client lays its input out so that products and a few rotations that add up are enough'],
	['diagonals', 'a matrix by its diagonals: the input is rotated, multiplied and summed'],
	['hybrid', 'a flat matrix by fewer diagonals, whose partial sums rotations add up'],
	['split among copies', 'each copy of the input serves some of the rows'],
	['windows', 'the windows of a convolution or pooling, by rotations to each of their places'],
	['scalar products', 'each element has a ciphertext of its own, and weights are single numbers'],
	['in place', 'values move to the slots where they are wanted'],
	['added up', 'sums of rotations, without any product'],
	['multiply', 'a product of values, or a square'],
	['sum', 'values that lie alike, added'],
	['mask', 'a product that clears leftovers of an output'],
	['with', 'a layer that is computed together with the one before it'],
];

const list = (words: readonly Word[]): string =>
	`<dl class="words">${words.map(([word, meaning]) => `<dt>${escapeHtml(word)}</dt><dd>${escapeHtml(meaning)}</dd>`).join('')}</dl>`;

/** The words of the graph and the tables, folded. */
export const wordsOf = (layers: Report['layers']): string => {
	const kinds = layers.map(kindText).join(', ');
	const used = KINDS.filter(([word]) => kinds.includes(word));
	return `<details><summary>What the words mean</summary>${list([...WORDS, ...used])}</details>`;
};
