import { test } from 'uvu';
import { models } from '../../models/index.ts';
import { checkZooModel, isLarge } from './checkModel.ts';

for (const model of models.filter((model) => !isLarge(model)))
	test(`${model.name} agrees with the clear backend on the kernel, within the predicted error`, async () => {
		await checkZooModel(model);
	});

test.run();
