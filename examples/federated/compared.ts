import { type Federation, nameOf, type Outcome } from './federation.ts';
import { accuracy } from './network.ts';
import { federatedPlainly, trainedCentrally } from './plain.ts';

/** A run beside training without encryption; shares of the test rows that are right. */
export type Comparison = {
	readonly encrypted: number;
	/** With the weights that may be shown to others, where there are any. */
	readonly shown: number | undefined;
	/** Federated averaging in the clear with the users that were there in each round. */
	readonly sameUsers: number;
	/** The same with all users in each round, none of them late. */
	readonly allUsers: number;
	readonly central: number;
	/** The largest difference of a weight from that of `sameUsers`: what encryption changes. */
	readonly difference: number;
	/** Whether all users have the same weights, to rounding. */
	readonly agree: boolean;
};

const largestDifference = (a: Float64Array, b: Float64Array): number =>
	a.reduce((most, v, i) => Math.max(most, Math.abs(v - (b[i] as number))), 0);

/** Trains three times in the clear, which takes about three times as long as all users together took. */
export const compared = ({ task, users }: Federation, { rounds, weights, shown }: Outcome): Comparison => {
	const { all, test } = task.load();
	const right = (w: Float64Array): number => accuracy(task.network, w, test);
	const everyone = users.map((_, user) => user);
	const present = rounds.map((round) => everyone.filter((user) => round.present.includes(nameOf(user))));
	const same = federatedPlainly(task, all, users.length, present);
	const [first = same] = weights;
	return {
		encrypted: right(first),
		shown: shown === undefined ? undefined : right(shown),
		sameUsers: right(same),
		allUsers: right(federatedPlainly(task, all, users.length, rounds.map(() => everyone))), // biome-ignore format: one thought
		central: right(trainedCentrally(task, all, rounds.length)),
		difference: largestDifference(first, same),
		agree: weights.every((one) => largestDifference(one, first) < 1e-9),
	};
};
