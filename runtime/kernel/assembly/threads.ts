/**
 * Instances on one shared memory run the same calls; each does its share and they meet at a barrier. Alone, nothing waits.
 */

export let thread: i32 = 0;
export let threads: i32 = 1;
/** i32 of threads that have come, then i32 of the round. */
let barrierAddress: usize = 0;

/** Looks at the round so often before it sleeps: some microseconds. */
const SPINS: i32 = 2000;

export function setThreads(index: i32, count: i32, address: usize): void {
	thread = index;
	threads = count;
	barrierAddress = address;
}

/** Returns when every thread has called it. What they wrote before is visible to all afterwards. */
export function barrier(): void {
	if (threads === 1) return;
	const round = atomic.load<i32>(barrierAddress, 4);
	if (atomic.add<i32>(barrierAddress, 1) === threads - 1) {
		atomic.store<i32>(barrierAddress, 0);
		atomic.store<i32>(barrierAddress, round + 1, 4);
		atomic.notify(barrierAddress + 4, threads);
		return;
	}
	for (let spin = 0; spin < SPINS; spin++) if (atomic.load<i32>(barrierAddress, 4) !== round) return;
	while (atomic.load<i32>(barrierAddress, 4) === round) atomic.wait<i32>(barrierAddress + 4, round, -1);
}

/** The first of `count` things that are this thread's, in whole groups of `group` (which divides count), and the end of its share. */
export function shareStart(count: i32, group: i32): i32 {
	return (((count / group) * thread) / threads) * group;
}

export function shareEnd(count: i32, group: i32): i32 {
	return (((count / group) * (thread + 1)) / threads) * group;
}
