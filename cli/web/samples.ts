/** What the page offers as examples, as the server sends it. */
export type DemoSamples = {
	/** A test image of each digit: 28x28 values in [0, 1]. */
	readonly digits: readonly Example[];
	/** Test rows of 30 features, of which each is in its range; label 1 is benign. */
	readonly patients: readonly Example[];
	/** Of each feature, over the rows that the program was calibrated with. */
	readonly ranges: readonly Range[];
};

export type Example = { readonly label: number; readonly values: readonly number[] };
export type Range = readonly [low: number, high: number];
