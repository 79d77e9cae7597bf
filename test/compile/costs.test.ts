import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseNpy, samplesIn } from '../../cli/arrays.ts';
import { type CompileOptions, compile, type TargetBackend } from '../../compiler/index.ts';
import { models, type ZooModel } from '../../models/index.ts';
import { node } from '../support/onnx.ts';
import { floats, model } from './models.ts';

/**
 * What one evaluation costs, in operations and bytes: a circuit that became more expensive fails here like one that became wrong.
 * The pinned numbers are in test/costs/pinned.json; `npm run bless` (UPDATE_GOLDEN=1) writes them anew, their difference is for
 * a reader to judge. The limits below are what the project promises: they are not for blessing.
 */
type Costs = {
	readonly rotations: number;
	/** Values that are rotated, by however many steps. */
	readonly decompositions: number;
	readonly relinearizations: number;
	readonly plainProducts: number;
	readonly depth: number;
	readonly ringDegree: number;
	/** Bits of each prime, level 0 first, the special prime last. */
	readonly primes: string;
	readonly keys: number;
	/** As sent. */
	readonly keyBytes: number;
	readonly uploadBytes: number;
};
type Pinned = { readonly [name: string]: Costs };

const path = join(import.meta.dirname, '..', 'costs', 'pinned.json');
const pinned: Pinned = JSON.parse(readFileSync(path, 'utf8'));
const measured = new Map<string, Costs>();
const BLESS = process.env.UPDATE_GOLDEN === '1';

const costsOf = (bytes: Uint8Array, options: CompileOptions): Costs => {
	const { report, stages } = compile(bytes, options);
	const { counts, parameters, keys, traffic } = report;
	const rotated = stages.solution.circuit.ops.flatMap((op) => (op.kind === 'rotate' ? [op.a] : []));
	return {
		rotations: counts.rotations,
		decompositions: new Set(rotated).size,
		relinearizations: counts.relinearizations,
		plainProducts: counts.plainProducts,
		depth: counts.depth,
		ringDegree: parameters.ringDegree,
		primes: parameters.primes.map(Math.round).join(' '),
		keys: keys.count,
		keyBytes: keys.bytes,
		uploadBytes: traffic.uploadBytes,
	};
};

const changesOf = (before: Costs, after: Costs): readonly string[] =>
	(Object.keys(after) as (keyof Costs)[]).flatMap((key) => {
		const [was, is] = [before[key], after[key]];
		if (was === is) return [];
		const verdict = key === 'primes' ? '' : is > was ? ' (worse)' : ' (better)';
		return [`${key} ${was} -> ${is}${verdict}`];
	});

const pin = (name: string, costs: Costs): void => {
	measured.set(name, costs);
	if (BLESS) return;
	const before = pinned[name];
	assert.ok(before, `${name} is not pinned: npm run bless`);
	const changes = before === undefined ? [] : changesOf(before, costs);
	if (changes.length > 0)
		assert.unreachable(
			`costs of ${name}: ${changes.join(', ')}. If every change is wanted, npm run bless; if one is worse, find out why.`,
		);
};

/** What evaluates, and what the costs are pinned as. */
const BACKENDS = [
	{ backend: 'kernel', suffix: '' },
	{ backend: 'seal', suffix: ' on seal' },
] as const;

const zooCosts = (entry: ZooModel, backend: TargetBackend): Costs => {
	const read = (file: string): Buffer => readFileSync(join(import.meta.dirname, '..', '..', 'models', file));
	const calibration = parseNpy(read(entry.calibration), entry.calibration);
	const shape = [1, ...calibration.shape.slice(1)];
	return costsOf(read(entry.path), {
		calibration: new Map([[entry.input, samplesIn(calibration, shape, entry.input)]]),
		backend,
	});
};

for (const entry of models)
	for (const { backend, suffix } of BACKENDS)
		test(`${entry.name}${suffix} costs what is pinned`, () => pin(`${entry.name}${suffix}`, zooCosts(entry, backend)));

/**
 * Most key switches (on seal rotations and relinearisations; on the kernel values that are decomposed for them, since all rotations
 * of one share that), largest ring degree and most bytes of keys as sent, for one sample.
 */
const limits: readonly (readonly [name: string, keySwitches: number, ringDegree: number, keyBytes: number])[] = [
	['mnist-cryptonets', 36, 8192, 30e6],
	['tenseal-mnist', 30, 8192, 25e6],
	['lenet5-mnist', 110, 16384, 300e6],
	['breast-cancer-logistic', 8, 8192, 8e6],
	['mlp-mnist', 30, 8192, 25e6],
];

for (const [name, keySwitches, ringDegree, keyBytes] of limits)
	for (const { backend, suffix } of BACKENDS)
		test(`${name}${suffix} takes ${keySwitches} key switches, N = ${ringDegree} and ${keyBytes / 1e6} MB of keys at most`, () => {
			const costs = measured.get(`${name}${suffix}`);
			if (costs === undefined) assert.unreachable(`${name}${suffix} was not compiled`);
			else {
				const switches = costs.relinearizations + (backend === 'seal' ? costs.rotations : costs.decompositions);
				assert.ok(switches <= keySwitches, `key switches: ${JSON.stringify(costs)}`);
				assert.ok(costs.ringDegree <= ringDegree, `ring degree: ${JSON.stringify(costs)}`);
				assert.ok(costs.keyBytes <= keyBytes, `bytes of keys: ${JSON.stringify(costs)}`);
			}
		});

const dense = (rows: number, columns: number): Uint8Array =>
	model([node('MatMul', ['x', 'w'], ['y'])], { x: [1, columns] }, ['y'], { w: floats([columns, rows], 1) });

test('a dense layer 64 -> 10, which the client packs for, costs what is pinned', () => {
	pin('dense 64 -> 10', costsOf(dense(10, 64), {}));
});

test('a dense layer 845 -> 100, too large for that, costs what is pinned', () => {
	pin('dense 845 -> 100', costsOf(dense(100, 845), {}));
});

test('nothing else is pinned', () => {
	const costs = Object.fromEntries([...measured].sort(([a], [b]) => (a < b ? -1 : 1)));
	if (BLESS) writeFileSync(path, `${JSON.stringify(costs, null, '\t')}\n`);
	else assert.equal(Object.keys(pinned), Object.keys(costs));
});

test.run();
