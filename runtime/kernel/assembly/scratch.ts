/** What calls need beside their operands. */
import { combineScratchBytes } from './combine';
import { digitBytes } from './digits';
import { encoderScratchBytes } from './encoder';
import { sumScratchBytes } from './products';
import { seedScratchBytes } from './seed';

/** Relinearization needs digits and p rows, a division of 3 polynomials 3 p rows, of extended ones 2 p + 2. */
function switchScratchBytes(logN: i32, primes: i32): i32 {
	const rowBytes = 8 << logN;
	return max(digitBytes(logN, primes) + primes * rowBytes, 3 * (primes + 1) * rowBytes);
}

/** The most that any call needs at `primes` primes with so many threads. */
export function scratchBytes(logN: i32, primes: i32, threads: i32): i32 {
	const shared = max(switchScratchBytes(logN, primes), encoderScratchBytes(logN));
	const own = max(sumScratchBytes(threads), max(seedScratchBytes(threads), combineScratchBytes(threads)));
	return max(shared, own);
}
