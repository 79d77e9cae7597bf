import { add, type Compiled, compile, type Expression, encrypted, trace } from '../../compiler/index.ts';

/** The program that the server evaluates, from its trace to its parameters; only who sets a federation up needs the compiler. */

/** Names of the program's inputs: place k of a round is input k. */
const placeNames = (places: number): readonly string[] => Array.from({ length: places }, (_, k) => `place${k}`);

/** sum = place0 + place1 + ... of vectors of this length, with elements from -1 to 1. No product, no rotation, no level. */
const aggregation = (length: number, places: number) => {
	const inputs = placeNames(places).map((name) => [name, encrypted([length], { range: [-1, 1] })] as const);
	return trace(
		(vectors) => ({ sum: Object.values<Expression>(vectors).reduce((total, one) => add(total, one)) }),
		Object.fromEntries(inputs),
		{ name: 'federated-sum' },
	);
};

/** `precision`: bits of the sum, relative to its largest value. 24 is more than training notices. */
export const compiledAggregation = (length: number, places: number, precision = 24): Compiled =>
	compile(aggregation(length, places), { precision });
