/** Rows: what is right; columns: what was decided. */
export type Confusion = {
	/** Numbers of the classes, ascending. */
	readonly classes: readonly number[];
	readonly found: readonly (readonly number[])[];
	/** The same of the model in the clear; null without it. */
	readonly clear: readonly (readonly number[])[] | null;
};

/** More classes than this are no picture, and a long list. */
const MOST_CLASSES = 100;

/** counts[i][j] = samples of class i that were decided to be class j; undefined for too many classes. */
export const confusionOf = (
	labels: readonly number[],
	found: readonly number[],
	clear: readonly number[] | undefined,
): Confusion | undefined => {
	const classes = [...new Set([...labels, ...found, ...(clear ?? [])])].sort((a, b) => a - b);
	if (classes.length > MOST_CLASSES) return undefined;
	const place = new Map(classes.map((value, i) => [value, i] as const));
	const counted = (decisions: readonly number[]): number[][] => {
		const counts = classes.map(() => classes.map(() => 0));
		decisions.forEach((decision, i) => {
			const row = counts[place.get(labels[i] as number) ?? -1];
			const column = place.get(decision) ?? -1;
			if (row !== undefined) row[column] = (row[column] ?? 0) + 1;
		});
		return counts;
	};
	return { classes, found: counted(found), clear: clear === undefined ? null : counted(clear) };
};
