import { listing } from '../slots/text.ts';
import type { CkksCircuit, Op } from './circuit.ts';

const bits = (x: number): string => Math.log2(x).toFixed(2);

const typed = (op: Op): string =>
	`${'constant' in op ? `, c${op.constant}` : ''}  level ${op.level}, scale 2^${bits(op.scale)}${op.size === 3 ? ', size 3' : ''}`;

/** One line per value: `%7 = rescale %6  level 2, scale 2^30.00`. */
export const print = ({ parameters, slots, ops, outputs }: CkksCircuit): string =>
	listing(
		[
			`ring degree ${parameters.ringDegree}, slots ${slots}, security ${parameters.security}`,
			`primes ${parameters.primes.map(bits).join(' ')}, special ${bits(parameters.specialPrime)}`,
		],
		ops,
		typed,
		outputs,
	);
