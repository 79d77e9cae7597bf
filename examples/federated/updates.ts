import { type Examples, train } from './network.ts';
import type { Task } from './tasks.ts';

/**
 * What a user sends in a round, before encryption: numbers from -1 to 1, whatever the model,
 *
 *     [s u[0] / c, s u[1] / c, ..., s]
 *
 * with u the change of its weights, shortened to the norm c at most, and s its share: its rows divided by `mostRows`. So the sum of
 * such vectors holds the sum of the shares as well, and whoever decrypts it has the mean weighted by rows, over those who took part.
 */
type Clipped = Pick<Task, 'clip' | 'mostRows'>;

/** The change of the weights that a user's rows ask for in a round, no longer than `clip`. `user`, `round`: for the order of rows. */
export const updateOf = (task: Task, weights: Float64Array, rows: Examples, user: number, round: number) => {
	const trained = train(task.network, weights, rows, { ...task.training, seed: 1000 * round + user });
	const change = trained.map((w, i) => w - (weights[i] as number));
	const norm = Math.sqrt(change.reduce((sum, v) => sum + v * v, 0));
	return change.map((v) => v * Math.min(1, task.clip / norm || 1));
};

/** What is encrypted of an update. Errors: RangeError for more than `mostRows` rows, or none. */
export const vectorOf = (update: Float64Array, { clip, mostRows }: Clipped, rows: number): Float64Array => {
	if (!(rows >= 1 && rows <= mostRows)) throw new RangeError(`a user has 1 to ${mostRows} rows, not ${rows}`);
	const share = rows / mostRows;
	return Float64Array.from([...update.map((v) => (share * v) / clip), share]);
};

/** The weights after a round: moved by the mean of the updates, of the sum of their vectors. Errors: RangeError where nobody took part. */
export const moved = (weights: Float64Array, sum: Float64Array, { clip, mostRows }: Clipped): Float64Array => {
	const share = sum[weights.length] ?? 0;
	if (!(share > 0.5 / mostRows)) throw new RangeError('the sum holds no update');
	return weights.map((w, i) => w + ((sum[i] as number) * clip) / share);
};
