import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LAYERS } from '../support/networks.ts';
import { checkStages } from './checkNetworks.ts';
import { networkOf } from './networks.ts';

const ALL = Array.from({ length: 200 }, (_, seed) => seed);

/** Those of the 200 that are quick to compile, of every style; test/slow has them all. */
const LIGHT = ALL.filter((seed) => seed % 5 !== 3).slice(0, 36);
const WIDE = [18, 33, 53, 73];

test('the networks have what they are meant to have', () => {
	const networks = ALL.map(networkOf);
	const having = (what: string, least: number, holds: (network: (typeof networks)[number]) => boolean): void => {
		const count = networks.filter(holds).length;
		assert.ok(count >= least, `${count} networks have ${what}`);
	};
	for (const kind of Object.keys(LAYERS) as readonly (keyof typeof LAYERS)[])
		having(kind, 8, ({ kinds }) => kinds.includes(kind));
	for (const batch of [1, 2, 4, 64, 2048, 4096]) having(`batch ${batch}`, 6, ({ options }) => options.batch === batch);
	for (const optimize of ['throughput', 'upload', 'keys', 'memory'])
		having(optimize, 15, ({ options }) => options.optimize === optimize);
	having('few keys', 12, ({ options }) => options.maxKeys !== undefined);
	having('no calibration', 40, ({ options }) => options.calibration === undefined);
	having('two inputs', 25, ({ sizes }) => Object.keys(sizes).length === 2);
	having('two outputs', 25, ({ outputs }) => outputs === 2);
	having('values beyond 2048 slots', 30, ({ largest }) => largest > 2048);
	having('values beyond 4096 slots', 15, ({ largest }) => largest > 4096);
});

test('random networks give the same answer at every stage, and no more noise than predicted', async () => {
	await checkStages([...LIGHT, ...WIDE]);
});

test.run();
