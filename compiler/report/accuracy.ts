import type { CompileOptions } from '../options.ts';
import type { Stages } from '../pipeline.ts';
import { ringFor } from '../rings.ts';
import type { LayerError } from '../tensor/approximation/replay.ts';
import type { TradeOff } from '../tensor/passes/approximate.ts';
import type { WindowForm } from '../tensor/windows.ts';

/** How functions were replaced, and what else was possible. */
export type AccuracyReport = {
	/** Calibration samples, and how many of them judged what was fitted to the others. */
	readonly samples: number;
	readonly judged: number;
	/** Part of the decisions of those that judge that are kept, and that are expected to flip, were errors independent of margins. */
	readonly agreement: number;
	readonly expectedFlips: number;
	/** Relative rms error of each output there. */
	readonly relativeErrors: readonly { readonly name: string; readonly error: number }[];
	readonly windows: readonly Pick<WindowForm, 'origin' | 'level' | 'channels' | 'relativeError' | 'maxError'>[];
	/** Relative rms error of every layer through the polynomials. */
	readonly layers: readonly LayerError[];
	/** Layers that were fitted anew behind polynomials, and what would be without. */
	readonly compensation?: { readonly layers: number; readonly agreementWithout: number; readonly errorWithout: number };
	/** Levels against accuracy; ring degree and time are estimates but for the chosen one. */
	readonly tradeOffs: readonly (TradeOff & {
		readonly ringDegree: number | undefined;
		readonly evaluateMs: number | undefined;
	})[];
};

/** Undefined where nothing was fitted to samples. */
export const accuracyOf = (stages: Stages, evaluateMs: number, options: CompileOptions): AccuracyReport | undefined => {
	const { report } = stages.approximated;
	const chosen = report.tradeOffs.find((point) => point.chosen);
	if (report.agreement === undefined || chosen === undefined) return undefined;
	const { ringDegree } = stages.solution.circuit.parameters;
	/** Work of a level: transforms of a ciphertext and, in each rotation, of all its digits. */
	const work = (levels: number, ring: number): number => ring * Math.log2(ring) * (levels + 1) ** 2;
	const unit = evaluateMs / work(chosen.levels, ringDegree);
	const { compensation } = report;
	return {
		samples: report.samples,
		judged: report.judged,
		agreement: report.agreement.decisions,
		expectedFlips: chosen.flips,
		relativeErrors: [...report.agreement.relativeErrors].map(([name, error]) => ({ name, error })),
		windows: report.windows.map(({ origin, level, channels, relativeError, maxError }) => ({
			...{ origin, level, channels, relativeError, maxError },
		})),
		layers: report.layers,
		...(compensation === undefined
			? {}
			: {
					compensation: {
						layers: compensation.layers,
						agreementWithout: compensation.without.decisions,
						errorWithout: Math.max(0, ...compensation.without.relativeErrors.values()),
					},
				}),
		tradeOffs: report.tradeOffs.map((point) => {
			const ring = point.chosen ? ringDegree : ringFor(point.levels, options);
			const milliseconds = ring === undefined ? undefined : Number((unit * work(point.levels, ring)).toPrecision(2));
			return { ...point, ringDegree: ring, evaluateMs: point.chosen ? evaluateMs : milliseconds };
		}),
	};
};
