/** What the regression of accuracy runs: every model of the zoo as it is compiled by default, and further points of some. */
import type { CompileOptions } from '../../compiler/index.ts';
import { type ZooModel, zoo } from '../index.ts';
import { TOLERANCE, type Tolerance } from './judge.ts';

/** Options that are plain JSON: they are kept beside the numbers that belong to them. */
export type PointOptions = Omit<CompileOptions, 'calibration' | 'dimensions' | 'plain'>;

/** A model and how it is compiled. */
export type Point = {
	/** The model's name; with what is special about the point behind it. */
	readonly name: string;
	readonly model: ZooModel;
	readonly options: PointOptions;
	/** Part of the accuracy that it may lose, where it is more than 0.002. */
	readonly tolerance?: number;
};

/** Points of the trade-off between accuracy and levels beside the default one. */
const FURTHER: readonly (Pick<Point, 'options' | 'tolerance'> & { readonly of: string; readonly as: string })[] = [
	{ of: 'lenet5-relu-mnist', as: 'fast', options: { accuracyBudget: 0.5 }, tolerance: 0.005 },
];

export const points: readonly Point[] = zoo.flatMap((model) => [
	{ name: model.name, model, options: {}, ...(model.tolerance === undefined ? {} : { tolerance: model.tolerance }) },
	...FURTHER.filter(({ of }) => of === model.name).map(({ of, as, ...point }) => ({
		...point,
		...{ name: `${of} ${as}`, model },
	})),
]);

/** What a point may lose: as others, unless it says how much of its accuracy. */
export const toleranceOf = ({ tolerance = TOLERANCE.accuracy }: Point): Tolerance => ({
	...TOLERANCE,
	accuracy: tolerance,
});
