/** One way of computing a node that the search looked at, for reports. */
export type Considered = {
	/** The family of kernels, or what else it is. */
	readonly family: string;
	/** Where its result would lie, in words. */
	readonly layoutText: string;
	readonly rotations: number;
	/** Products with plaintexts. */
	readonly products: number;
	/** Rotation steps that it needs. */
	readonly keys: number;
	/** Predicted milliseconds at the level of the node. */
	readonly cost: number;
	readonly chosen: boolean;
};
