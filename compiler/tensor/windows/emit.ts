import {
	affine,
	type ChebyshevSeries,
	type GraphBuilder,
	type Id,
	nodeAt,
	type PolynomialKind,
	type Shape,
	sizeOf,
} from '../graph.ts';
import { boundedWriter } from '../maps/rows.ts';
import type { Frame } from '../passes/frame.ts';
import { diagonal, type SparseMatrix } from '../sparse.ts';
import type { WindowForm } from '../windows.ts';
import type { Quadratic } from './quadratic.ts';
import type { Refinement } from './refinement.ts';

/** scale * v + shift of a value v, by channel. */
type Wanted = { readonly scale: readonly number[]; readonly shift: readonly number[] };

/** 2 t in [-2, 2]: polynomials on this interval need no normalisation. */
const NORMAL: Frame = { center: 0, radius: 2 };

/**
 * Emits the nodes of one form. Factors go inward: c s^2 is sign(c) (sqrt(|c|) s)^2, and the scale of what is squared is that of
 * the level before, down to the affine map in front of the first square; a level that is squared has the sign that makes its own
 * square positive. So no level has a factor behind it: what it makes is a sum, and at level 1 all there is are an affine map, a square and a sum over each window.
 */
export class Emitter {
	readonly #form: WindowForm;
	readonly #builder: GraphBuilder<PolynomialKind>;
	/** Members of the largest window. */
	readonly #most: number;

	constructor(form: WindowForm, builder: GraphBuilder<PolynomialKind>) {
		this.#form = form;
		this.#builder = builder;
		const { start } = form.windows;
		this.#most = start.reduce((most, end, i) => (i === 0 ? 0 : Math.max(most, end - (start[i - 1] as number))), 0);
	}

	value(x: Id): Id {
		const { level, frames, channels } = this.#form;
		const wanted = { scale: new Array<number>(channels).fill(1), shift: new Array<number>(channels).fill(0) };
		if (level === 1) return this.#quadratic(x, frames, wanted);
		const normal = this.#normalised(x);
		return this.#refined(normal, this.#means(normal), level, wanted);
	}

	/** 2 t of every element that lies in a window, 0 of the others. */
	#normalised(x: Id): Id {
		const { frames, layout, windows } = this.#form;
		const { shape } = nodeAt(this.#builder.nodes, x);
		const [factors, bias] = [new Float64Array(sizeOf(shape)), new Float64Array(sizeOf(shape))];
		for (const j of windows.members) {
			const { center, radius } = frames[Math.floor(j / layout.innerOfX) % layout.channels] as Frame;
			factors[j] = 2 / radius;
			bias[j] = (-2 * center) / radius;
		}
		return this.#affine([[x, diagonal(factors)]], bias, shape);
	}

	/** The mean of every window. */
	#means(x: Id): Id {
		return this.#affine([[x, this.#perWindow(x, (_, count) => 1 / count)]]);
	}

	/** scale * V_level + shift, of normalised values and their means. */
	#refined(x: Id, means: Id, level: number, { scale, shift }: Wanted): Id {
		const { frames, refinements, shape } = this.#form;
		const stage = refinements[level - 2];
		if (stage === undefined) return this.#quadratic(x, frames.map(() => NORMAL), { scale, shift }); // biome-ignore format: one thought
		const roots = stage.map(
			({ factor }, c) => this.#signAt(level - 1, c) * Math.sqrt(Math.abs((scale[c] as number) * factor)),
		);
		const signs = stage.map(({ factor }, c) => signOf((scale[c] as number) * factor));
		const inner = this.#refined(x, means, level - 1, {
			scale: stage.map(({ unit }, c) => (roots[c] as number) / unit),
			shift: stage.map(({ middle, unit, shift }, c) => (roots[c] as number) * (shift - middle / unit)),
		});
		const square = this.#builder.add({ kind: 'multiply', a: inner, b: inner, shape, origin: this.#form.origin });
		const { inner: own, innerOfX } = this.#form.layout;
		const series = (of: (one: Refinement) => readonly number[], count: number, constant: readonly number[]) =>
			stage.map((one, c): ChebyshevSeries => {
				const factor = ((signs[c] as number) * (scale[c] as number)) / count;
				const offset = (signs[c] as number) * (constant[c] ?? 0);
				return { ...NORMAL, coefficients: of(one).map((v, k) => factor * v + (k === 0 ? offset : 0)) };
			});
		const ofMeans = series((one) => one.means, 1, shift);
		const ofElements = series((one) => one.powers, this.#most, []);
		const sums = diagonal(this.#byWindow((c) => signs[c] as number));
		return this.#affine([
			[square, sums],
			[this.#polynomial(means, ofMeans, own), sums],
			[
				this.#polynomial(x, ofElements, innerOfX),
				this.#perWindow(x, (c, count) => ((signs[c] as number) * this.#most) / count),
			],
		]);
	}

	/** The sign that a level gives its square. */
	#signAt(level: number, c: number): number {
		const { quadratics, refinements } = this.#form;
		return signOf((refinements[level - 2]?.[c] ?? (quadratics[c] as Quadratic)).factor);
	}

	/** scale * V_1 + shift of values on the frames. */
	#quadratic(x: Id, frames: readonly Frame[], { scale, shift }: Wanted): Id {
		const { quadratics } = this.#form;
		const bias = this.#byWindow(
			(c) => (scale[c] as number) * (quadratics[c]?.constant as number) + (shift[c] as number),
		);
		const members = this.#memberSquares(x, frames, scale);
		const terms: [Id, SparseMatrix][] = [
			[members, this.#memberSums((c) => signOf((scale[c] as number) * (quadratics[c]?.factor as number)))],
		];
		if (quadratics.some(({ meanFactor }) => meanFactor !== 0)) {
			const squares = this.#meanSquares(x, frames, scale);
			terms.push([
				squares,
				diagonal(this.#byWindow((c) => signOf((scale[c] as number) * (quadratics[c]?.meanFactor as number)))),
			]);
		}
		return this.#affine(terms, bias);
	}

	/** scale * |factor| / count * (t_i + spread * p + shift)^2 of every member i of every window, window by window. */
	#memberSquares(x: Id, frames: readonly Frame[], scale: readonly number[]): Id {
		const { windows, shape, quadratics } = this.#form;
		const { start, members } = windows;
		const bias = new Float64Array(members.length);
		const matrix = this.#matrix(x, members.length, (i, c, columns, entry, endRow) => {
			const { factor, spread, shift } = quadratics[c] as Quadratic;
			const { center, radius } = frames[c] as Frame;
			const root = Math.sqrt(Math.abs((scale[c] as number) * factor) / columns.length);
			for (let k = start[i] as number; k < (start[i + 1] as number); k++) {
				const shared = spread / columns.length;
				for (const j of columns) entry(j, (root / radius) * (j === members[k] ? 1 + shared : shared));
				bias[k] = root * (shift - ((1 + spread) * center) / radius);
				endRow();
			}
		});
		const lead = shape.slice(0, 2);
		const isEven = shape.length > 2 && members.length === sizeOf(shape) * this.#most;
		return this.#square(x, matrix, bias, isEven ? [...lead, members.length / sizeOf(lead)] : [members.length]);
	}

	/** scale * |meanFactor| * (p + meanShift)^2 of every window. */
	#meanSquares(x: Id, frames: readonly Frame[], scale: readonly number[]): Id {
		const { quadratics, shape } = this.#form;
		const root = (c: number): number =>
			Math.sqrt(Math.abs((scale[c] as number) * (quadratics[c]?.meanFactor as number)));
		const matrix = this.#perWindow(x, (c, count) => root(c) / count / (frames[c] as Frame).radius);
		const bias = this.#byWindow((c) => {
			const { center, radius } = frames[c] as Frame;
			return root(c) * ((quadratics[c]?.meanShift as number) - center / radius);
		});
		return this.#square(x, matrix, bias, shape);
	}

	/** The square of matrix * x + bias. */
	#square(x: Id, matrix: SparseMatrix, bias: Float64Array, shape: Shape): Id {
		const a = this.#affine([[x, matrix]], bias, shape);
		return this.#builder.add({ kind: 'multiply', a, b: a, shape, origin: this.#form.origin });
	}

	/** y[i] = sign * sum of what #memberSquares gives of window i, by channel. */
	#memberSums(sign: (c: number) => number): SparseMatrix {
		const { start, members } = this.#form.windows;
		const writer = boundedWriter(start.length - 1, members.length, members.length);
		this.#channelOfWindows().forEach((c, i) => {
			for (let k = start[i] as number; k < (start[i + 1] as number); k++) writer.entry(k, sign(c));
			writer.endRow();
		});
		return writer.build();
	}

	/** y[i] = weight * sum of the members of window i, by channel and number of members. */
	#perWindow(x: Id, weight: (c: number, count: number) => number): SparseMatrix {
		return this.#matrix(x, this.#form.windows.start.length - 1, (_, c, columns, entry, endRow) => {
			for (const j of columns) entry(j, weight(c, columns.length));
			endRow();
		});
	}

	/** A matrix on x, window by window; `write` gets the members in ascending order. */
	#matrix(x: Id, rows: number, write: WriteRows): SparseMatrix {
		const { start, members } = this.#form.windows;
		const writer = boundedWriter(rows, sizeOf(nodeAt(this.#builder.nodes, x).shape), rows * this.#most);
		const entry = (column: number, value: number): void => writer.entry(column, value);
		const endRow = (): void => writer.endRow();
		this.#channelOfWindows().forEach((c, i) => {
			write(i, c, members.slice(start[i], start[i + 1]).sort(), entry, endRow);
		});
		return writer.build();
	}

	#channelOfWindows(): Int32Array {
		const { layout, windows } = this.#form;
		return Int32Array.from(
			{ length: windows.start.length - 1 },
			(_, i) => Math.floor(i / layout.inner) % layout.channels,
		);
	}

	/** One number for each window, by its channel. */
	#byWindow(of: (c: number) => number): Float64Array {
		return Float64Array.from(this.#channelOfWindows(), of);
	}

	#polynomial(x: Id, series: readonly ChebyshevSeries[], inner: number): Id {
		const { shape } = nodeAt(this.#builder.nodes, x);
		return this.#builder.add({ kind: 'polynomial', x, series, inner, shape, origin: this.#form.origin });
	}

	#affine(terms: readonly (readonly [Id, SparseMatrix])[], bias?: Float64Array, shape = this.#form.shape): Id {
		const maps = terms.map(([x, matrix]) => ({ x, matrix }));
		return this.#builder.add(affine(maps, bias ?? new Float64Array(sizeOf(shape)), shape, this.#form.origin));
	}
}

type WriteRows = (
	window: number,
	channel: number,
	columns: Int32Array,
	entry: (column: number, value: number) => void,
	endRow: () => void,
) => void;

/** 1 or -1. */
const signOf = (factor: number): number => (factor < 0 ? -1 : 1);
