import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { balanced, makeKernel, onThreads, primesOf, randomRow, randomWords } from './support.ts';

const LOG_N = 10;
const N = 1 << LOG_N;
const POLYNOMIALS = 2;
/** Just below powers of two, of widths that are split in different ways; then P, which takes no part. */
const PRIMES = [48, 44, 36, 25, 20].flatMap((bits) => primesOf(bits, N));
const MODULI = [...PRIMES, ...primesOf(47, N)];
const WORDS = POLYNOMIALS * PRIMES.length * N;
const modulusAt = (word: number): number => PRIMES[Math.floor(word / N) % PRIMES.length] as number;

/** Distinct ciphertexts: 0 and 1 have all residues at the greatest, 2 all at the least, the others all sorts of residues. */
const makeCiphertext = (seed: number): Float64Array => {
	const words = new Float64Array(WORDS);
	for (let start = 0; start < WORDS; start += N) {
		const q = modulusAt(start);
		if (seed < 3) words.fill(((q - 1) / 2) * (seed === 2 ? -1 : 1), start, start + N);
		else words.set(randomRow(N, q, seed * WORDS + start, 8), start);
	}
	return words;
};
const DISTINCT = Array.from({ length: 8 }, (_, seed) => makeCiphertext(seed));
const EXACT = DISTINCT.map((words) => Array.from(words, BigInt));

/** `picks[k]` is the ciphertext that term k is; one row of weights for each output. */
type Case = {
	readonly picks: readonly number[];
	readonly weights: readonly Float64Array[];
	readonly weightBits: number;
};

/** The greatest float64 below 2^bits. */
const greatestOf = (bits: number): number => 2 ** bits - 2 ** Math.max(0, bits - 53);

/** A magnitude below 2^bits, from a word of 48 bits. */
const magnitudeOf = (word: number, bits: number): number =>
	bits <= 48 ? word % 2 ** bits : Math.floor((word + (word % 32) / 32) * 2 ** (bits - 48));

const makeCase = (count: number, outputs: number, weightBits: number, seed: number): Case => {
	const word = randomWords(seed);
	const greatest = greatestOf(weightBits);
	const weight = (): number => {
		const kind = word() % 4;
		const magnitude = kind === 0 ? greatest : kind === 1 ? 0 : magnitudeOf(word(), weightBits);
		return word() % 2 === 0 ? magnitude : -magnitude;
	};
	return {
		picks: Array.from({ length: count }, () => word() % DISTINCT.length),
		weights: Array.from({ length: outputs }, () => Float64Array.from({ length: count }, weight)),
		weightBits,
	};
};

/** Every product has the greatest magnitude, and within an output all have the same sign. */
const worstCase = (count: number, weightBits: number): Case => {
	const greatest = greatestOf(weightBits);
	const picks = Array.from({ length: count }, (_, k) => k % 3);
	const aligned = picks.map((pick) => (pick === 2 ? -greatest : greatest));
	const rows = [aligned, aligned.map((w) => -w), aligned, aligned.map((w) => -w), aligned];
	return { picks, weights: rows.map((row) => Float64Array.from(row)), weightBits };
};

/** Words of the outputs, from their definition: weights of the same ciphertext are added first. */
const expectedOf = ({ picks, weights }: Case, output: number): ((word: number) => number) => {
	const totals = DISTINCT.map(() => 0n);
	picks.forEach((pick, k) => {
		totals[pick] = (totals[pick] as bigint) + BigInt((weights[output] as Float64Array)[k] as number);
	});
	return (word) => {
		let sum = 0n;
		totals.forEach((total, i) => {
			if (total !== 0n) sum += total * (EXACT[i]?.[word] as bigint);
		});
		return Number(balanced(sum, BigInt(modulusAt(word))));
	};
};

const MOST_OUTPUTS = 133;
const MOST_TERMS = 400;

const makeRoom = (options: { readonly shared?: boolean } = {}) => {
	const kernel = makeKernel(LOG_N, MODULI, { megabytes: 24, scratch: 2, ...options });
	const distinct = DISTINCT.map((words) => kernel.put(words));
	const results = Array.from({ length: MOST_OUTPUTS }, () => kernel.allocate(8 * WORDS));
	return {
		kernel,
		distinct,
		results,
		to: kernel.putAddresses(results),
		terms: kernel.allocate(4 * MOST_TERMS),
		weights: kernel.allocate(8 * MOST_TERMS * MOST_OUTPUTS),
	};
};
type Room = ReturnType<typeof makeRoom>;

/** Puts a case where the kernel reads it; returns the arguments of the call. */
const place = ({ kernel, distinct, to, terms, weights }: Room, it: Case) => {
	new Uint32Array(kernel.memory.buffer, terms, it.picks.length).set(it.picks.map((pick) => distinct[pick] as number));
	it.weights.forEach((row, i) => {
		new Float64Array(kernel.memory.buffer, weights + 8 * row.length * i, row.length).set(row);
	});
	const parameters = [to, it.weights.length, terms, it.picks.length, weights, it.weightBits] as const;
	return [...parameters, POLYNOMIALS, PRIMES.length] as const;
};

const resultOf = ({ kernel, results }: Room, output: number): Float64Array =>
	kernel.get(results[output] as number, WORDS);

const room = makeRoom();

/** Runs a case and compares every `step`-th word. */
const check = (it: Case, what: string, step = 1): void => {
	room.kernel.exports.combine(...place(room, it));
	it.weights.forEach((_, output) => {
		const actual = resultOf(room, output);
		const expected = expectedOf(it, output);
		for (let word = 0; word < WORDS; word += step)
			if (actual[word] !== expected(word))
				assert.is(actual[word], expected(word), `${what}: output ${output}, word ${word}`);
	});
};

const GRID = [
	[1, 1, 1],
	[2, 2, 9],
	[25, 5, 9],
	[25, 5, 20],
	[300, 8, 20],
	[128, 4, 12],
	[129, 3, 13],
	[127, 7, 16],
	[16, 4, 24],
	[17, 9, 31],
	[15, 6, 40],
	[130, 13, 32],
	[257, 16, 40],
	[40, 12, 44],
	[64, 5, 44],
	[16, 5, 45],
	[130, 9, 49],
	[33, 6, 57],
	[60, 3, 64],
	[21, 5, 65],
	[19, 5, 128],
] as const;

/** 100 outputs of 10,240 words. */
test('every word of a weighted sum is exact, whatever the number of terms and the width of weights and primes', () => {
	for (const [seed, [count, outputs, weightBits]] of GRID.entries())
		check(makeCase(count, outputs, weightBits, seed + 1), `${count} terms, ${weightBits} bits`);
});

test('sums stay exact where every product is as large as it can be, all of one sign', () => {
	for (const weightBits of [1, 8, 12, 13, 16, 20, 24, 31, 40, 44, 45, 53, 64, 97, 128])
		for (const count of [7, 16, 127, 400]) check(worstCase(count, weightBits), `${count} of ${weightBits} bits`, 97);
});

test('many outputs are done in blocks', () => {
	for (const outputs of [127, 129, MOST_OUTPUTS]) check(makeCase(130, outputs, 20, outputs), `${outputs} outputs`, 61);
});

test('random shapes', () => {
	const shape = fc.tuple(
		fc.integer({ min: 1, max: 200 }),
		fc.integer({ min: 1, max: 12 }),
		fc.integer({ min: 1, max: 128 }),
		fc.integer({ min: 1, max: 2 ** 30 }),
	);
	const property = fc.property(shape, (drawn) => check(makeCase(...drawn), drawn.join(), 53));
	fc.assert(property, { numRuns: 60 });
});

test('three threads give the same bits as one', async () => {
	const shared = makeRoom({ shared: true });
	const it = makeCase(50, 7, 20, 77);
	room.kernel.exports.combine(...place(room, it));
	await onThreads(shared.kernel, 3, [['combine', ...place(shared, it)]]);
	it.weights.forEach((_, output) => {
		const [alone, together] = [resultOf(room, output), resultOf(shared, output)];
		assert.ok(alone.some((x) => x !== 0));
		assert.ok(Buffer.from(alone.buffer).equals(Buffer.from(together.buffer)), `output ${output}`);
	});
});

test.run();
