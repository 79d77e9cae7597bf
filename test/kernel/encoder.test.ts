import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { slotExponents } from '../../runtime/noise.ts';
import { plaintextHeader } from '../../runtime/records.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { filled, using } from '../../runtime/seal/handles.ts';
import { loadSeal } from '../../runtime/seal/module.ts';
import { PLAINTEXT_HEADER } from '../../runtime/sizes.ts';
import { makeParameters, maxDifference, sampleOf } from '../runtime/support.ts';
import { balanced, makeKernel, onThreads, powerModulo, primesOf } from './support.ts';

/** A kernel with an encoder, a place for values and one for the rows of all moduli. */
const makeRoom = (logN: number, moduli: readonly number[], options: { readonly shared?: boolean } = {}) => {
	const kernel = makeKernel(logN, moduli, { megabytes: 8, scratch: 1, ...options });
	const tables = kernel.allocate(kernel.exports.encoderBytes(logN));
	kernel.exports.makeEncoder(tables, logN);
	const rows = kernel.allocate((8 << logN) * moduli.length);
	return { kernel, tables, rows, values: kernel.allocate(4 << logN) };
};
type Room = ReturnType<typeof makeRoom>;

const putValues = ({ kernel, values }: Room, numbers: Float64Array): void =>
	new Float64Array(kernel.memory.buffer, values, kernel.ringDegree / 2).set(numbers);

/** What the kernel encodes: the rows of the first `primes` primes, and P's. */
const encoded = (room: Room, numbers: Float64Array, scale: number, primes: number): Float64Array[] => {
	const { kernel, tables, rows, values } = room;
	putValues(room, numbers);
	kernel.exports.encode(rows, tables, values, scale, primes, 1);
	return Array.from({ length: primes + 1 }, (_, row) => kernel.get(rows + 8 * kernel.ringDegree * row));
};

/** The integers of least magnitude that have these transformed rows, row i of modulus `which[i]`. */
const coefficientsOf = ({ kernel, rows }: Room, given: readonly Float64Array[], which: readonly number[]): bigint[] => {
	const { exports, moduli, memory, get, ringDegree } = kernel;
	const primes = which.map((modulus) => BigInt(moduli[modulus] as number));
	const product = primes.reduce((a, b) => a * b, 1n);
	const units = primes.map((q) => (product / q) * powerModulo(product / q, q - 2n, q));
	const residues = given.map((row, i) => {
		new Float64Array(memory.buffer, rows, ringDegree).set(row);
		exports.inverseTransform(rows, which[i] as number);
		return get(rows);
	});
	return Array.from({ length: ringDegree }, (_, k) => {
		const sum = residues.reduce((total, row, i) => total + (units[i] as bigint) * BigInt(row[k] as number), 0n);
		return balanced(sum, product);
	});
};

/** 2 / N sum_t z_t cos(pi 3^t k / N): the coefficients by the definition of the embedding, times the scale. */
const embedded = (numbers: Float64Array, scale: number): Float64Array => {
	const degree = 2 * numbers.length;
	const exponents = slotExponents(degree);
	const cosines = Float64Array.from({ length: 2 * degree }, (_, i) => Math.cos((Math.PI * i) / degree));
	return Float64Array.from({ length: degree }, (_, k) => {
		let sum = 0;
		numbers.forEach((z, t) => {
			if (z !== 0) sum += z * (cosines[((exponents[t] as number) * k) % (2 * degree)] as number);
		});
		return ((2 * sum) / degree) * scale;
	});
};

const tiny = makeRoom(
	10,
	[48, 20, 36, 47].flatMap((bits) => primesOf(bits, 1024)),
);
const odd = makeRoom(11, primesOf(44, 2048, 2));

test('coefficients are those of the definition, rounded: slot t is the value at zeta^(3^t)', () => {
	const scale = 2 ** 38;
	for (const room of [tiny, odd]) {
		const slots = room.kernel.ringDegree / 2;
		const impulses = [0, 1, 2, slots / 2, slots - 1].map((t) => new Float64Array(slots).fill(1, t, t + 1));
		for (const numbers of [...impulses, new Float64Array(slots).fill(-3.25), sampleOf(slots), sampleOf(slots, 2)]) {
			const actual = coefficientsOf(room, encoded(room, numbers, scale, 1).slice(0, 1), [0]);
			embedded(numbers, scale).forEach((expected, k) => {
				const difference = Math.abs(Number(actual[k]) - expected);
				assert.ok(difference <= 0.51, `N = ${2 * slots}, coefficient ${k} is off by ${difference}`);
			});
		}
	}
});

test('halves are rounded away from zero, as SEAL does', () => {
	for (const [value, expected] of [
		[2.5, 3],
		[-2.5, -3],
		[0.5, 1],
		[-0.5, -1],
		[1.4999999999999998, 1],
	] as const) {
		const [row] = encoded(tiny, new Float64Array(512).fill(value), 1, 1);
		assert.ok(
			row?.every((x) => x === expected),
			`${value}`,
		);
	}
});

test('values that round to zero everywhere become one unit, and zeros stay zero', () => {
	const small = new Float64Array(512).fill(0.3, 7, 8);
	for (const row of encoded(tiny, small, 1, 3)) assert.ok(row.every((x) => x === 1));
	for (const row of encoded(tiny, new Float64Array(512), 2 ** 30, 3)) assert.ok(row.every((x) => x === 0));
});

/** The coefficients are float64, so one beyond 2^53 tells of itself whether each row holds exactly it. */
test('all rows hold one and the same integers, also far beyond 2^53', () => {
	const numbers = sampleOf(512, 3);
	for (const [bits, which] of [
		[52, [0, 3]],
		[80, [0, 3]],
		[60, [0, 1, 2, 3]],
		[100, [0, 1, 2, 3]],
		[120, [0, 1, 2, 3]],
		[140, [0, 1, 2, 3]],
	] as const) {
		const coefficients = coefficientsOf(tiny, encoded(tiny, numbers, 2 ** bits, which.length - 1), which);
		const expected = embedded(numbers, 2 ** bits);
		const largest = Math.max(...expected.map(Math.abs));
		coefficients.forEach((coefficient, k) => {
			assert.is(BigInt(Number(coefficient)), coefficient, `2^${bits}, coefficient ${k}`);
			const difference = Math.abs(Number(coefficient) - (expected[k] as number));
			assert.ok(difference <= 1 + largest * 2 ** -46, `2^${bits}, coefficient ${k} is off by ${difference}`);
		});
	}
});

test('a million residues of encoded vectors: the rows of one hold the same integers, at scales of 2^54 to 2^146', () => {
	const which = [0, 1, 2, 3];
	let count = 0;
	for (let round = 0; count < 1_000_000; round++) {
		const numbers = sampleOf(512, 4 + round).map((x) => (round % 3 === 0 ? Math.sign(x) : x));
		const bits = 54 + ((37 * round) % 93);
		const coefficients = coefficientsOf(tiny, encoded(tiny, numbers, 2 ** bits, 3), which);
		const wrong = coefficients.findIndex((coefficient) => BigInt(Number(coefficient)) !== coefficient);
		assert.is(wrong, -1, `round ${round}, 2^${bits}: coefficient ${wrong}`);
		count += which.length * coefficients.length;
	}
});

test('a number is its residue in every place of every row', () => {
	const { kernel, rows } = tiny;
	const anyInteger = fc
		.tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.integer({ min: 0, max: 149 }))
		.map(([part, bits]) => Math.round(part * 2 ** bits));
	const property = fc.property(
		anyInteger,
		fc.integer({ min: 1, max: 2 }),
		fc.boolean(),
		(integer, primes, extended) => {
			kernel.exports.encodeNumber(rows, integer, primes, extended ? 1 : 0);
			for (let row = 0; row < primes + (extended ? 1 : 0); row++) {
				const q = BigInt(kernel.moduli.at(row < primes ? row : -1) as number);
				const expected = Number(balanced(BigInt(integer), q));
				assert.ok(
					kernel.get(rows + 8192 * row).every((x) => x === expected),
					`${integer}, row ${row}`,
				);
			}
		},
	);
	const examples = [0, 1, -1, 2 ** 53 - 1, -(2 ** 149), 2 ** 100 + 2 ** 60, (kernel.moduli[0] as number) * 3, 2 ** 47];
	fc.assert(property, { numRuns: 2000, examples: examples.map((x) => [x, 3, true]) });
});

const module = await loadSeal();

/** The rows of SEAL's plaintext, balanced. */
const sealRows = (seal: SealContext, numbers: Float64Array, level: number, scale: number): Float64Array[] => {
	const { ringDegree, primes } = seal.parameters;
	const plain = seal.encode(numbers, level, scale).object;
	const bytes = using(plain, () => plain.saveToArray(module.seal.ComprModeType.none)).slice(PLAINTEXT_HEADER);
	const words = new BigUint64Array(bytes.buffer);
	return primes.slice(0, level + 1).map((q, row) =>
		Float64Array.from(words.subarray(ringDegree * row, ringDegree * (row + 1)), (word) => {
			const residue = Number(word);
			return 2 * residue > q ? residue - q : residue;
		}),
	);
};

/** What SEAL decodes of the kernel's rows. */
const sealDecoded = (seal: SealContext, rows: readonly Float64Array[], level: number, scale: number): Float64Array => {
	const { layout } = seal.level(level);
	const header = plaintextHeader(layout, scale);
	const words = BigUint64Array.from(
		layout.primes.flatMap((q, i) => Array.from(rows[i] as Float64Array, (x) => BigInt(x < 0 ? x + q : x))),
	);
	const plaintext = filled(new module.seal.Plaintext(), (plain) =>
		plain.loadFromArray(seal.context, Uint8Array.from([...header, ...new Uint8Array(words.buffer)])),
	);
	return using(plaintext, () => seal.decode(plaintext));
};

for (const [parameters, bits] of [
	[makeParameters(4096, [34, 24], 44), [12, 24, 40, 50]],
	[makeParameters(8192, [48, 36, 36], 48), [20, 40, 60, 100]],
	[makeParameters(16384, [48, 40], 48), [30, 50, 80]],
] as const) {
	const { ringDegree, primes, specialPrime } = parameters;
	const seal = new SealContext(module, parameters, { steps: [] });
	const room = makeRoom(Math.log2(ringDegree), [...primes, specialPrime]);
	const top = primes.length - 1;

	test(`coefficients are SEAL's but for the rounding of float64, N = ${ringDegree}`, () => {
		for (const [seed, bit] of bits.entries()) {
			const numbers = sampleOf(ringDegree / 2, seed + 1).map((x) => 3 * x);
			const scale = 2 ** bit * 1.1;
			const which = primes.map((_, i) => i);
			const mine = coefficientsOf(room, encoded(room, numbers, scale, primes.length).slice(0, -1), which);
			const theirs = coefficientsOf(room, sealRows(seal, numbers, top, scale), which);
			const largest = Math.max(...theirs.map((x) => Math.abs(Number(x))));
			const allowed = Math.max(2, largest * 2 ** -48);
			mine.forEach((coefficient, k) => {
				const difference = Math.abs(Number(coefficient - (theirs[k] as bigint)));
				assert.ok(difference <= allowed, `2^${bit}, coefficient ${k} is off by ${difference} of ${allowed}`);
			});
		}
	});

	test(`SEAL decodes what the kernel encodes, at every level, N = ${ringDegree}`, () => {
		const numbers = sampleOf(ringDegree / 2);
		for (let level = 0; level <= top; level++) {
			const rows = encoded(room, numbers, 2 ** 30, level + 1);
			const decoded = sealDecoded(seal, rows, level, 2 ** 30);
			assert.ok(maxDifference(decoded, numbers) < Math.sqrt(ringDegree) * 2 ** -29, `level ${level}`);
		}
	});
}

test('three threads give the same bits as one, tables included', async () => {
	const logN = 11;
	const room = makeRoom(logN, primesOf(40, 1 << logN, 4), { shared: true });
	const { kernel, values, rows } = room;
	putValues(room, sampleOf(1024));
	const tables = kernel.allocate(kernel.exports.encoderBytes(logN));
	const numbers = kernel.allocate(5 * (8 << logN));
	const callsTo = (to: number) =>
		[
			['makeEncoder', tables, logN],
			['encode', to, tables, values, 2 ** 30, 3, 1],
		] as const;
	const run = async (threads: number): Promise<Buffer> => {
		await onThreads(kernel, threads, [...callsTo(rows), ['encodeNumber', numbers, 2 ** 90 + 2 ** 40, 3, 1]]);
		const results = [kernel.bytes(rows, 4 * (8 << logN)), kernel.bytes(numbers, 4 * (8 << logN))];
		const copy = Buffer.concat(results);
		for (const result of results) result.fill(0);
		return copy;
	};
	const [alone, together] = [await run(1), await run(3)];
	assert.ok(alone.some((byte) => byte !== 0));
	assert.ok(alone.equals(together));
});

test.run();
