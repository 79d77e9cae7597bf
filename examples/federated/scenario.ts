import type { Faults } from './member.ts';
import type { RoundRules } from './rounds.ts';
import type { Task } from './tasks.ts';

/** Times that suit a task where all users share one machine: a round takes some times what a user computes. */
export const usualRules = ({ name }: Task, rounds: number): RoundRules => {
	const roundMs = name === 'cnn' ? 12_000 : 2000;
	return { places: 4, quorum: 3, ackMs: roundMs / 2, roundMs, rounds };
};

/** Five users: one whose answers are lost now and then, two without faults, one that is often late, one that dies three times. */
export const usualFaults = ({ roundMs, rounds }: RoundRules): readonly Faults[] => [
	{ twice: true },
	{},
	{},
	{ lateEvery: 2, lateMs: 1.5 * roundMs },
	{ dieIn: [2, Math.ceil(rounds / 2), rounds - 1] },
];
