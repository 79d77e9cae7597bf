import { test } from 'uvu';
import { models } from '../../models/index.ts';
import { checkEncrypted } from '../compile/checkNetworks.ts';
import { checkZooModel, isLarge } from '../models/checkModel.ts';

/** The networks of seeds 0 to 199, 40 of each style: encrypted, with keys of their own. */
const ALL = Array.from({ length: 200 }, (_, seed) => seed);

for (let from = 0; from < ALL.length; from += 50)
	test(`random networks ${from} to ${from + 49} agree with the clear backend on the kernel, within the predicted error`, async () => {
		await checkEncrypted(ALL.slice(from, from + 50), 'kernel');
	});

test('20 random networks agree with the clear backend on the seal backend, within the predicted error', async () => {
	// Of all styles, which are by the seed modulo 5.
	const some = Array.from({ length: 20 }, (_, k) => (11 * k) % ALL.length);
	await checkEncrypted(some, 'seal');
});

for (const model of models.filter(isLarge))
	test(`${model.name} agrees with the clear backend on the kernel, within the predicted error`, async () => {
		await checkZooModel(model);
	});

test.run();
