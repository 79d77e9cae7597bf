/** Several ways of doing the same, timed against each other in one run. */
import { parseArgs } from 'node:util';

/** Milliseconds of one run: of the clock, and of all processors together. */
export type Time = { readonly wall: number; readonly cpu: number };
/** One way; `time` runs it at least once. A process of its own tells its times itself. */
export type Side = {
	readonly warm: () => Promise<unknown>;
	readonly time: () => Promise<Time>;
	/** Rounds that it takes part in, the first ones; default: all. */
	readonly most?: number;
};

/** How long to measure. */
export type Effort = {
	readonly rounds: number;
	/** Milliseconds that the runs of one round take at least, and those before the first. */
	readonly blockMs: number;
	readonly warmMs: number;
};

/** The arguments of all of them: [--rounds n] [--quick] [--write] [--peers] and names. Quick shows that all works: its numbers mean little. */
export const benchArguments = (rounds = 7) => {
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: {
			rounds: { type: 'string' },
			quick: { type: 'boolean', default: false },
			write: { type: 'boolean', default: false },
			peers: { type: 'boolean', default: false },
		},
	});
	const given = Number(values.rounds ?? (values.quick ? 1 : rounds));
	if (!(Number.isInteger(given) && given > 0)) throw new Error(`--rounds takes a number, not ${values.rounds}`);
	const effort: Effort = values.quick
		? { rounds: given, blockMs: 0, warmMs: 0 }
		: { rounds: given, blockMs: 300, warmMs: 1500 };
	return { effort, names: positionals, write: values.write, peers: values.peers };
};

/** Work in this process: means over as many runs as take `blockMs`. Cold code is compiled by three runs and `warmMs` before. */
export const sideOf = (work: () => unknown, { blockMs, warmMs }: Effort): Side => {
	const runs = async (least: number, leastMs: number): Promise<Time> => {
		const cpu = process.cpuUsage();
		const start = performance.now();
		let count = 0;
		while (count < least || performance.now() - start < leastMs) {
			await work();
			count++;
		}
		const wall = performance.now() - start;
		const { user, system } = process.cpuUsage(cpu);
		return { wall: wall / count, cpu: (user + system) / 1000 / count };
	};
	return { warm: () => runs(warmMs === 0 ? 1 : 3, warmMs), time: () => runs(1, blockMs) };
};

/** times[side][round]: every round runs each side once, so that what slows the machine slows all of them. */
export const alternating = async (
	sides: readonly Side[],
	{ rounds }: Effort,
): Promise<readonly (readonly Time[])[]> => {
	for (const side of sides) await side.warm();
	const times: Time[][] = sides.map(() => []);
	for (let round = 0; round < rounds; round++)
		for (const [k, side] of sides.entries()) if (round < (side.most ?? rounds)) times[k]?.push(await side.time());
	return times;
};

export const median = (values: readonly number[]): number => {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = (sorted.length - 1) / 2;
	return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
};

/** Median of a / b over the rounds of a: of times that were measured side by side. NaN without rounds. */
export const ratioOf = (a: readonly number[], b: readonly number[]): number =>
	median(a.map((value, round) => value / (b[round] ?? Number.NaN)));
