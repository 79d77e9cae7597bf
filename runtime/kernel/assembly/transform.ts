/**
 * Number theoretic transforms of one row: butterflies of Cooley and Tukey forward, of Gentleman and Sande back, two levels of
 * them in one pass. Blocks that fit the first level cache are finished one by one. Node i of level m has the root
 * psi^bitrev(m + i); below node n are the nodes 2 n and 2 n + 1, which is why a block is named by one index.
 */
import { balance, balancedProduct, multiplyModulo } from './arithmetic';
import { inverseLanes, modulusLanes, modulusOf, N, rootsOf } from './context';

/** Numbers of a block that is finished before the next one: 16 KiB. */
const BLOCK: i32 = 2048;

/** The number at `address` in both lanes. */
function splat(address: usize): v128 {
	return v128.load64_splat(address);
}

/**
 * row[i] = a(psi^(2 bitrev(i) + 1)) for the coefficients a that are in the row: in place, balanced. Coefficients are any integers
 * |x| <= 2^50, whatever the modulus.
 *
 * Nothing is reduced on the way: with |x| <= B q a butterfly gives at most B + 1/2 + 3 B q 2^-55, so from 2^50, for q < 2^48 and
 * log2 N <= 16, what goes up to 2^51.95 stays below 2^52, which is what `multiplyModulo` and `balance` take.
 */
export function forward(row: usize, modulus: i32): void {
	forwardFrom(row, row, modulus);
}

/** The same of coefficients that are elsewhere, and stay. */
export function forwardFrom(row: usize, coefficients: usize, modulus: i32): void {
	const q = modulusLanes(modulus);
	const inverse = inverseLanes(modulus);
	const table = rootsOf(modulus);
	let nodes = 1;
	let length = N;
	let shift = coefficients - row;
	if (length <= BLOCK && shift !== 0) memory.copy(row, coefficients, 8 * N);
	for (; length > BLOCK; length >>= 2, nodes <<= 2, shift = 0)
		forwardPass(row, shift, length, table, nodes, nodes, q, inverse);
	for (let node = nodes, at = row; node < 2 * nodes; node++, at += 8 * length) {
		let count = 1;
		let short = length;
		for (; short > 8; short >>= 2, count <<= 2) forwardPass(at, 0, short, table, node * count, count, q, inverse);
		const eights = length / 8;
		forwardEnd(at, table, node * eights, eights, short === 8, q, inverse);
	}
}

/** Two levels of `count` blocks of `length` numbers from `start` on, the first of which belongs to `node`; read `shift` bytes further. */
function forwardPass(
	start: usize,
	shift: usize,
	length: i32,
	table: usize,
	node: i32,
	count: i32,
	q: v128,
	inverse: v128,
): void {
	const quarter = 2 * length;
	for (let roots = table + 8 * node, end = roots + 8 * count; roots < end; roots += 8, start += 4 * quarter) {
		const w = splat(roots);
		const w0 = splat(roots + roots - table);
		const w1 = splat(roots + roots - table + 8);
		const ratio = f64x2.mul(w, inverse);
		const ratio0 = f64x2.mul(w0, inverse);
		const ratio1 = f64x2.mul(w1, inverse);
		for (let at = start; at < start + quarter; at += 16) {
			const a = v128.load(shift + at);
			const b = v128.load(shift + at + quarter);
			const c = multiplyModulo(v128.load(shift + at + 2 * quarter), w, ratio, q);
			const d = multiplyModulo(v128.load(shift + at + 3 * quarter), w, ratio, q);
			const e = f64x2.add(a, c);
			const f = multiplyModulo(f64x2.add(b, d), w0, ratio0, q);
			const g = f64x2.sub(a, c);
			const h = multiplyModulo(f64x2.sub(b, d), w1, ratio1, q);
			v128.store(at, f64x2.add(e, f));
			v128.store(at + quarter, f64x2.sub(e, f));
			v128.store(at + 2 * quarter, f64x2.add(g, h));
			v128.store(at + 3 * quarter, f64x2.sub(g, h));
		}
	}
}

/** The last two levels, or three, of `count` blocks of 8 numbers, the first of which belongs to `node`; balanced. */
function forwardEnd(start: usize, table: usize, node: i32, count: i32, three: bool, q: v128, inverse: v128): void {
	for (let roots = table + 8 * node, end = roots + 8 * count; roots < end; roots += 8, start += 64) {
		let x0 = v128.load(start);
		let x1 = v128.load(start, 16);
		let x2 = v128.load(start, 32);
		let x3 = v128.load(start, 48);
		if (three) {
			const w = splat(roots);
			const ratio = f64x2.mul(w, inverse);
			const y2 = multiplyModulo(x2, w, ratio, q);
			const y3 = multiplyModulo(x3, w, ratio, q);
			x2 = f64x2.sub(x0, y2);
			x3 = f64x2.sub(x1, y3);
			x0 = f64x2.add(x0, y2);
			x1 = f64x2.add(x1, y3);
		}
		// Two blocks of 4 numbers, one in each lane: (x0, x1) and (x2, x3).
		const fours = roots + roots - table;
		const left = v128.load(fours + fours - table);
		const right = v128.load(fours + fours - table, 16);
		const w = v128.load(fours);
		const w0 = v128.shuffle<f64>(left, right, 0, 2);
		const w1 = v128.shuffle<f64>(left, right, 1, 3);
		const ratio = f64x2.mul(w, inverse);
		const a = v128.shuffle<f64>(x0, x2, 0, 2);
		const b = v128.shuffle<f64>(x0, x2, 1, 3);
		const c = multiplyModulo(v128.shuffle<f64>(x1, x3, 0, 2), w, ratio, q);
		const d = multiplyModulo(v128.shuffle<f64>(x1, x3, 1, 3), w, ratio, q);
		const e = f64x2.add(a, c);
		const f = multiplyModulo(f64x2.add(b, d), w0, f64x2.mul(w0, inverse), q);
		const g = f64x2.sub(a, c);
		const h = multiplyModulo(f64x2.sub(b, d), w1, f64x2.mul(w1, inverse), q);
		const y0 = balance(f64x2.add(e, f), q, inverse);
		const y1 = balance(f64x2.sub(e, f), q, inverse);
		const y2 = balance(f64x2.add(g, h), q, inverse);
		const y3 = balance(f64x2.sub(g, h), q, inverse);
		v128.store(start, v128.shuffle<f64>(y0, y1, 0, 2));
		v128.store(start, v128.shuffle<f64>(y2, y3, 0, 2), 16);
		v128.store(start, v128.shuffle<f64>(y0, y1, 1, 3), 32);
		v128.store(start, v128.shuffle<f64>(y2, y3, 1, 3), 48);
	}
}

/**
 * The inverse of `forward`: coefficients, balanced. The row holds integers |x| <= q.
 *
 * 1 / psi^bitrev(m + i) = -psi^bitrev(2 m - 1 - i), so the same roots serve, read backwards, with differences the other way round.
 * The first pass has two levels and gives at most 4 q, or it has three: then sums of eight numbers and of four products are
 * balanced, and others are products of |x| <= 8 q, below q / 2 + 3 (8 q) q 2^-55 < 0.69 q, and sums of two. So later passes, of two levels,
 * find |x| <= 4 q; their sums stay below 16 q < 2^52 and are balanced, and all else that they give are products of these, below
 * 0.88 q, and sums of two products of |x| <= 8 q.
 */
export function inverse(row: usize, modulus: i32): void {
	const q = modulusLanes(modulus);
	const inverse = inverseLanes(modulus);
	const table = rootsOf(modulus);
	let nodes = 1;
	let length = N;
	for (; length > BLOCK; length >>= 2) nodes <<= 2;
	for (let node = 2 * nodes - 1, at = row; node >= nodes; node--, at += 8 * length) {
		// Of the nodes below one, the last comes first.
		const next = node + 1;
		const eights = length / 8;
		let short = (ctz(length) & 1) === 1 ? 8 : 4;
		inverseStart(at, table, next * eights - 1, eights, short === 8, q, inverse);
		for (short <<= 2; short <= min(length, N / 4); short <<= 2) {
			const count = length / short;
			inversePass(at, short, table, next * count - 1, count, q, inverse);
		}
	}
	for (length <<= 2, nodes >>= 2; length < N; length <<= 2, nodes >>= 2)
		inversePass(row, length, table, 2 * nodes - 1, nodes, q, inverse);
	lastPass(row, table, modulus, q, inverse);
}

/** Two levels of `count` blocks of `length` numbers; their roots go down from `node`'s. */
function inversePass(start: usize, length: i32, table: usize, node: i32, count: i32, q: v128, inverse: v128): void {
	const quarter = 2 * length;
	for (let roots = table + 8 * node, end = roots - 8 * count; roots > end; roots -= 8, start += 4 * quarter) {
		const w = splat(roots);
		const w0 = splat(roots + roots - table + 8);
		const w1 = splat(roots + roots - table);
		const ratio = f64x2.mul(w, inverse);
		const ratio0 = f64x2.mul(w0, inverse);
		const ratio1 = f64x2.mul(w1, inverse);
		for (let at = start; at < start + quarter; at += 16) {
			const a = v128.load(at);
			const b = v128.load(at + quarter);
			const c = v128.load(at + 2 * quarter);
			const d = v128.load(at + 3 * quarter);
			const e = f64x2.add(a, b);
			const f = multiplyModulo(f64x2.sub(b, a), w0, ratio0, q);
			const g = f64x2.add(c, d);
			const h = multiplyModulo(f64x2.sub(d, c), w1, ratio1, q);
			v128.store(at, balance(f64x2.add(e, g), q, inverse));
			v128.store(at + quarter, f64x2.add(f, h));
			v128.store(at + 2 * quarter, multiplyModulo(f64x2.sub(g, e), w, ratio, q));
			v128.store(at + 3 * quarter, multiplyModulo(f64x2.sub(h, f), w, ratio, q));
		}
	}
}

/** The two levels of the whole row, with the factor 1 / N = -(q - 1) / N; balanced. */
function lastPass(row: usize, table: usize, modulus: i32, q: v128, inverse: v128): void {
	const quarter = 2 * N;
	const scale = f64x2.splat((1 - modulusOf(modulus)) / N);
	const w = balancedProduct(splat(table + 8), scale, q, inverse);
	const w0 = splat(table + 24);
	const w1 = splat(table + 16);
	const scaleRatio = f64x2.mul(scale, inverse);
	const ratio = f64x2.mul(w, inverse);
	const ratio0 = f64x2.mul(w0, inverse);
	const ratio1 = f64x2.mul(w1, inverse);
	for (let at = row; at < row + quarter; at += 16) {
		const a = v128.load(at);
		const b = v128.load(at + quarter);
		const c = v128.load(at + 2 * quarter);
		const d = v128.load(at + 3 * quarter);
		const e = f64x2.add(a, b);
		const f = multiplyModulo(f64x2.sub(b, a), w0, ratio0, q);
		const g = f64x2.add(c, d);
		const h = multiplyModulo(f64x2.sub(d, c), w1, ratio1, q);
		v128.store(at, balance(multiplyModulo(f64x2.add(e, g), scale, scaleRatio, q), q, inverse));
		v128.store(at + quarter, balance(multiplyModulo(f64x2.add(f, h), scale, scaleRatio, q), q, inverse));
		v128.store(at + 2 * quarter, balance(multiplyModulo(f64x2.sub(g, e), w, ratio, q), q, inverse));
		v128.store(at + 3 * quarter, balance(multiplyModulo(f64x2.sub(h, f), w, ratio, q), q, inverse));
	}
}

/** The first two levels, or three, of `count` blocks of 8 numbers, whose roots go down from `node`'s. */
function inverseStart(start: usize, table: usize, node: i32, count: i32, three: bool, q: v128, inverse: v128): void {
	for (let roots = table + 8 * node, end = roots - 8 * count; roots > end; roots -= 8, start += 64) {
		// Two blocks of 4 numbers, one in each lane: (x0, x1) and (x2, x3). The second's roots come before the first's.
		const x0 = v128.load(start);
		const x1 = v128.load(start, 16);
		const x2 = v128.load(start, 32);
		const x3 = v128.load(start, 48);
		const fours = roots + roots - table;
		const left = v128.load(fours + fours - table);
		const right = v128.load(fours + fours - table, 16);
		const pair = v128.load(fours);
		const w = v128.shuffle<f64>(pair, pair, 1, 0);
		const w0 = v128.shuffle<f64>(right, left, 1, 3);
		const w1 = v128.shuffle<f64>(right, left, 0, 2);
		const ratio = f64x2.mul(w, inverse);
		const a = v128.shuffle<f64>(x0, x2, 0, 2);
		const b = v128.shuffle<f64>(x0, x2, 1, 3);
		const c = v128.shuffle<f64>(x1, x3, 0, 2);
		const d = v128.shuffle<f64>(x1, x3, 1, 3);
		const e = f64x2.add(a, b);
		const f = multiplyModulo(f64x2.sub(b, a), w0, f64x2.mul(w0, inverse), q);
		const g = f64x2.add(c, d);
		const h = multiplyModulo(f64x2.sub(d, c), w1, f64x2.mul(w1, inverse), q);
		const sum0 = f64x2.add(e, g);
		const sum1 = f64x2.add(f, h);
		const sum2 = multiplyModulo(f64x2.sub(g, e), w, ratio, q);
		const sum3 = multiplyModulo(f64x2.sub(h, f), w, ratio, q);
		let y0 = v128.shuffle<f64>(sum0, sum1, 0, 2);
		let y1 = v128.shuffle<f64>(sum2, sum3, 0, 2);
		let y2 = v128.shuffle<f64>(sum0, sum1, 1, 3);
		let y3 = v128.shuffle<f64>(sum2, sum3, 1, 3);
		if (three) {
			const v = splat(roots);
			const vRatio = f64x2.mul(v, inverse);
			const z2 = multiplyModulo(f64x2.sub(y2, y0), v, vRatio, q);
			const z3 = multiplyModulo(f64x2.sub(y3, y1), v, vRatio, q);
			y0 = balance(f64x2.add(y0, y2), q, inverse);
			y1 = f64x2.add(y1, y3);
			y2 = z2;
			y3 = z3;
		}
		v128.store(start, y0);
		v128.store(start, y1, 16);
		v128.store(start, y2, 32);
		v128.store(start, y3, 48);
	}
}
