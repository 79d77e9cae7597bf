/** The two kernels of Roberts' cross. */
export const cross = [[[1, 0], [0, -1]], [[0, 1], [-1, 0]]] as const; // biome-ignore format: matrices

/** The sliding products of a kernel with an image of `width` columns, row-major, without a margin. */
export const slide = (image: ArrayLike<number>, width: number, kernel: readonly (readonly number[])[]): number[] => {
	const [rows, columns] = [image.length / width - kernel.length + 1, width - (kernel[0] ?? []).length + 1];
	return Array.from({ length: rows * columns }, (_, i) => {
		const at = Math.floor(i / columns) * width + (i % columns);
		return kernel.reduce((t, row, r) => row.reduce((s, k, c) => s + k * (image[at + r * width + c] ?? 0), t), 0);
	});
};
