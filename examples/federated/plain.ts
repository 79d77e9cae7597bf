import { type Examples, initialWeights, train } from './network.ts';
import { partOf, START, type Task } from './tasks.ts';
import { moved, updateOf, vectorOf } from './updates.ts';

/** The same training without encryption: what the encrypted one is measured against. */

/**
 * Federated averaging in one process. `present` has the users who took part in each round, by their index: those of the encrypted run,
 * or all of them in each. Same rows, same seeds, same clipping.
 */
export const federatedPlainly = (
	task: Task,
	all: Examples,
	users: number,
	present: readonly (readonly number[])[],
): Float64Array => {
	const parts = Array.from({ length: users }, (_, user) => partOf(all, users, user));
	let weights = initialWeights(task.network, START);
	for (const [i, who] of present.entries()) {
		const sum = new Float64Array(weights.length + 1);
		for (const user of who) {
			const rows = parts[user] as Examples;
			const vector = vectorOf(updateOf(task, weights, rows, user, i + 1), task, rows.inputs.length);
			for (const [k, v] of vector.entries()) sum[k] = (sum[k] as number) + v;
		}
		weights = moved(weights, sum, task);
	}
	return weights;
};

/** All rows in one place, seen as often as in so many rounds. */
export const trainedCentrally = ({ network, training }: Task, all: Examples, rounds: number): Float64Array =>
	train(network, initialWeights(network, START), all, { ...training, epochs: training.epochs * rounds, seed: 1 });
