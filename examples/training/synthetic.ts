import { uniform } from '../../compiler/numeric/uniform.ts';
import { limited, signed } from './data.ts';
import type { Rows } from './plain.ts';

/**
 * Made-up rows like standardised measurements of two classes: each feature is a share of the class, a share of something that all
 * features have in common, and noise. The compiler calibrates with them, so that nothing of the data goes into the program.
 */
export const syntheticRows = (count: number, features: number, seed = 1): Rows => {
	const next = uniform(seed);
	const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
	const shares = Array.from({ length: features }, () => [0.8 * next(), 0.8 * next()] as const);
	return Array.from({ length: count }, () => {
		const [label, common] = [next() < 0.6 ? 1 : 0, normal()];
		const values = shares.map(([own, shared]) => {
			const rest = Math.sqrt(Math.max(0.1, 1 - own ** 2 - shared ** 2));
			return limited(-own * (2 * label - 1) + shared * common + rest * normal());
		});
		return signed(Float64Array.from(values), label);
	});
};
