/** Written by `npm run calibrate-costs`: milliseconds by ring degree, per p(p + 2) for key switching and per p else, p primes. */
export const SEAL_COSTS: ReadonlyMap<number, SealCosts> = new Map([
	[
		4096,
		{
			rotate: 0.244,
			add: 0.0126,
			addPlain: 0.012,
			multiplyPlain: 0.116,
			multiply: 0.159,
			relinearize: 0.233,
			rescale: 0.185,
		},
	],
	[
		8192,
		{
			rotate: 0.413,
			add: 0.0215,
			addPlain: 0.0143,
			multiplyPlain: 0.194,
			multiply: 0.306,
			relinearize: 0.377,
			rescale: 0.499,
		},
	],
	[
		16384,
		{
			rotate: 0.709,
			add: 0.0342,
			addPlain: 0.0223,
			multiplyPlain: 0.35,
			multiply: 0.56,
			relinearize: 0.613,
			rescale: 0.975,
		},
	],
	[
		32768,
		{
			rotate: 1.23,
			add: 0.0569,
			addPlain: 0.0383,
			multiplyPlain: 0.652,
			multiply: 1.02,
			relinearize: 1.16,
			rescale: 1.8,
		},
	],
]);

export type SealCosts = {
	readonly rotate: number;
	readonly add: number;
	readonly addPlain: number;
	readonly multiplyPlain: number;
	readonly multiply: number;
	readonly relinearize: number;
	readonly rescale: number;
};
