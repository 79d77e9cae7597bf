import type { Sample } from '../../runtime/inputs.ts';
import { evaluateLocally, type LocalBackend } from '../../runtime/local.ts';
import type { OutputPacking, Program } from '../../runtime/plan.ts';
import { Differences, type ErrorSizes } from './errors.ts';

/** What encryption alone does to the output before the client's tail: really, simulated, and at most as predicted. */
export type EncryptionError = {
	readonly samples: number;
	readonly measured: ErrorSizes;
	readonly simulated: ErrorSizes;
	readonly predicted: number;
};

/** Samples that encrypted outputs are compared on with those of the program without noise. */
const COMPARED = 4;

/** `found`, as decrypted, against the same program in the clear, and the same of its simulation. Cost: two local evaluations of a few samples. */
export const encryptionError = async (
	program: Program,
	{ name, predictedError }: OutputPacking,
	samples: readonly Sample[],
	found: readonly Float64Array[],
): Promise<EncryptionError> => {
	const some = samples.slice(0, COMPARED);
	const rawOn = async (backend: LocalBackend): Promise<readonly Float64Array[]> =>
		(await evaluateLocally(program, backend, some)).map(
			({ outputs }) => outputs.get(name)?.raw.data ?? new Float64Array(),
		);
	const exact = await rawOn('clear');
	const simulated = await rawOn('simulate');
	const against = (values: readonly Float64Array[]): ErrorSizes => {
		const differences = new Differences();
		exact.forEach((row, i) => {
			differences.add(row, values[i] ?? new Float64Array());
		});
		return differences.absolute;
	};
	return {
		...{ samples: some.length, predicted: predictedError },
		...{ measured: against(found), simulated: against(simulated) },
	};
};
