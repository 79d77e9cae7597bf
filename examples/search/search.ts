import { add, constant, encrypted, matmul, square, sub, sum, type Traced, trace } from '../../compiler/index.ts';
import { uniform } from '../../compiler/numeric/uniform.ts';

/** Points as rows of numbers in [-1, 1]. */
export type Points = readonly Float64Array[];

/**
 * Squared distances of an encrypted query to the points of a database that the server knows, as |q|^2 - 2 D q + |d|^2: one product of
 * ciphertexts, whatever the size of the database.
 */
export const inPlainDatabase = (points: Points): Traced => {
	const [count, width] = [points.length, points[0]?.length ?? 0];
	const doubled = constant(
		[count, width],
		Float64Array.from({ length: count * width }, (_, i) => -2 * (points[Math.floor(i / width)]?.[i % width] ?? 0)),
	);
	const norms = points.map((point) => point.reduce((total, v) => total + v * v, 0));
	return trace(({ query }) => ({ distances: add(add(matmul(doubled, query), sum(square(query))), norms) }), {
		query: encrypted([width]),
	});
};

/** The same where the database is encrypted as well, under the key of whoever asks: `count` points of `width` numbers. */
export const inEncryptedDatabase = (count: number, width: number): Traced =>
	trace(({ query, points }) => ({ distances: sum(square(sub(points, query)), { axes: [1] }) }), {
		query: encrypted([width]),
		points: encrypted([count, width]),
	});

/** The places of the k smallest distances, the nearest first: what the client does with decrypted distances. */
export const nearest = (distances: ArrayLike<number>, k = 1): readonly number[] =>
	Array.from(distances, (distance, place) => ({ distance, place }))
		.sort((a, b) => a.distance - b.distance)
		.slice(0, k)
		.map(({ place }) => place);

/** Squared distances in plain JavaScript. */
export const distancesTo = (points: Points, query: Float64Array): readonly number[] =>
	points.map((point) => point.reduce((total, v, i) => total + (v - (query[i] ?? 0)) ** 2, 0));

/** Pseudo-random points, the same for a seed. */
export const randomPoints = (count: number, width: number, seed: number): Points => {
	const next = uniform(seed);
	return Array.from({ length: count }, () => Float64Array.from({ length: width }, () => 2 * next() - 1));
};
