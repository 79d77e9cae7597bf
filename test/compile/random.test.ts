import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompileError } from '../../compiler/errors.ts';
import { calibrationOf, sampleOf } from './models.ts';
import { type RandomModel, randomModel } from './random.ts';
import { checkModel } from './support.ts';

/** True when it was compiled and compared, false when its output is a constant, which is refused. */
const agrees = async (model: RandomModel, batch: number, degree: number, calibrated: boolean): Promise<boolean> => {
	const samples = [sampleOf(model.sizes, 3, -0.9, 0.9), sampleOf(model.sizes, 4, -0.9, 0.9)];
	const calibration = calibrated ? { calibration: calibrationOf(model.sizes, 8) } : {};
	try {
		await checkModel(model.bytes, samples, { options: { batch, degree, ...calibration } });
		return true;
	} catch (error) {
		if (error instanceof CompileError && /does not depend/.test(error.message)) return false;
		throw new Error(`${model.text}; batch ${batch}, degree ${degree}: ${String(error)}`, { cause: error });
	}
};

test('random networks give the same answer at every stage, for all batches and degrees', async () => {
	let compared = 0;
	const choices = fc.tuple(fc.constantFrom(1, 4, 64), fc.constantFrom(2, 3), fc.boolean());
	await fc.assert(
		fc.asyncProperty(randomModel(), choices, async (model, [batch, degree, calibrated]) => {
			fc.pre(model !== undefined);
			if (model !== undefined && (await agrees(model, batch, degree, calibrated))) compared++;
		}),
		{ seed: 20260101, numRuns: 60, endOnFailure: true },
	);
	assert.ok(compared > 50, `${compared} networks were compared`);
});

test.run();
