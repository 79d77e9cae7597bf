import { test } from 'uvu';
import { checkProgram, checkRefusal, EXPORTS, titleOf } from '../onnx/exports/exports.ts';

/** The exported models that take longer to compile. */
for (const model of EXPORTS.filter(({ slow }) => slow))
	test(`${titleOf(model)}: the program computes what onnxruntime computes`, () => checkProgram(model));

for (const model of EXPORTS.filter(({ refused }) => refused))
	test(`${titleOf(model)}: the levels that it needs are too many, and it is refused`, () => checkRefusal(model));

test.run();
