import { test } from 'uvu';
import { checkEncrypted, checkStages } from '../compile/checkNetworks.ts';

/** The networks of seeds 0 to 199, 40 of each style. */
const ALL = Array.from({ length: 200 }, (_, seed) => seed);

for (let from = 0; from < ALL.length; from += 50)
	test(`random networks ${from} to ${from + 49} give the same answer at every stage, and no more noise than predicted`, async () => {
		await checkStages(ALL.slice(from, from + 50));
	});

test('20 random networks give the right answer encrypted, with no more noise than predicted', async () => {
	// Of all styles, which are by the seed modulo 5.
	await checkEncrypted(Array.from({ length: 20 }, (_, k) => (11 * k) % ALL.length));
});

test.run();
