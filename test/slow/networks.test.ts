import { test } from 'uvu';
import { checkStages } from '../compile/checkNetworks.ts';

/** The networks of seeds 0 to 199, 40 of each style. */
const ALL = Array.from({ length: 200 }, (_, seed) => seed);

for (let from = 0; from < ALL.length; from += 50)
	test(`random networks ${from} to ${from + 49} give the same answer at every stage, and no more noise than predicted`, async () => {
		await checkStages(ALL.slice(from, from + 50));
	});

test.run();
