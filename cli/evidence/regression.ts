/** How near values are to their targets. */
type Closeness = {
	/** Mean of |y - target|, and root mean square. */
	readonly meanError: number;
	readonly rmsError: number;
	/** 1 - sum (y - target)^2 / sum (target - mean of its column)^2; null when targets are all the same. */
	readonly r2: number | null;
};

/** As found, and as the model itself gives them in the clear. */
export type Regression = { readonly found: Closeness; readonly clear: Closeness | null };

/** Over all samples and elements; every element of an output is a column with a mean of its own. */
export const closeness = (values: readonly Float64Array[], targets: readonly Float64Array[]): Closeness => {
	const means = columnMeans(targets);
	let [count, absolute, squares, variance] = [0, 0, 0, 0];
	targets.forEach((row, i) => {
		row.forEach((target, k) => {
			const error = (values[i]?.[k] ?? Number.NaN) - target;
			count++;
			absolute += Math.abs(error);
			squares += error * error;
			variance += (target - (means[k] as number)) ** 2;
		});
	});
	return {
		meanError: absolute / count,
		rmsError: Math.sqrt(squares / count),
		r2: variance > 0 ? 1 - squares / variance : null,
	};
};

const columnMeans = (rows: readonly Float64Array[]): Float64Array => {
	const means = new Float64Array(rows[0]?.length ?? 0);
	for (const row of rows)
		row.forEach((value, k) => {
			means[k] = (means[k] as number) + value / rows.length;
		});
	return means;
};
