import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseNpy, samplesIn } from '../../cli/arrays.ts';
import { type CompileOptions, compile } from '../../compiler/index.ts';
import { importModel } from '../../compiler/onnx/import.ts';
import { models } from '../../models/index.ts';
import { node } from '../support/onnx.ts';
import { floats, model } from './models.ts';

/** What an evaluation costs, in operations: a circuit that became slower fails here like one that became wrong. */
type Costs = {
	readonly rotations: number;
	readonly relinearizations: number;
	readonly plainProducts: number;
	readonly keys: number;
	readonly ringDegree: number;
	readonly depth: number;
	readonly inputs: number;
};

const costsOf = (bytes: Uint8Array, options: CompileOptions = {}): Costs => {
	const { report, program } = compile(bytes, options);
	const { rotations, relinearizations, plainProducts, depth } = report.counts;
	return {
		rotations,
		relinearizations,
		plainProducts,
		keys: report.keys.count,
		ringDegree: report.parameters.ringDegree,
		depth,
		inputs: program.client.inputs.reduce((sum, { parts }) => sum + parts.length, 0),
	};
};

const pin = (actual: Costs, pinned: Costs): void => {
	const names = Object.keys(pinned) as (keyof Costs)[];
	const changes = names
		.filter((name) => actual[name] !== pinned[name])
		.map((name) => `${name} ${pinned[name]} -> ${actual[name]}`);
	if (changes.length > 0)
		assert.unreachable(
			`costs changed: ${changes.join(', ')}. If every change is wanted, pin the new numbers in this test; if one is worse, find out why.`,
		);
};

const zoo = (name: string): Costs => {
	const entry = models.find((candidate) => candidate.name === name);
	assert.ok(entry, name);
	const folder = join(import.meta.dirname, '..', '..', 'models');
	const bytes = readFileSync(join(folder, entry?.path ?? ''));
	const array = parseNpy(readFileSync(join(folder, entry?.calibration ?? '')), 'calibration');
	const calibration = new Map(
		importModel(bytes, {}, {}).inputs.map((input) => [input.name, samplesIn(array, input.shape, input.name)]),
	);
	return costsOf(bytes, { calibration });
};

test('the CryptoNets network takes 31 rotations, as the LoLa layouts do, and 12 keys', () => {
	pin(zoo('mnist-cryptonets'), {
		rotations: 31,
		relinearizations: 2,
		plainProducts: 55,
		keys: 12,
		ringDegree: 8192,
		depth: 5,
		inputs: 7,
	});
});

test('the breast cancer network', () => {
	pin(zoo('breast-cancer'), {
		rotations: 8,
		relinearizations: 8,
		plainProducts: 17,
		keys: 9,
		ringDegree: 8192,
		depth: 6,
		inputs: 2,
	});
});

const dense = (rows: number, columns: number): Uint8Array =>
	model([node('MatMul', ['x', 'w'], ['y'])], { x: [1, columns] }, ['y'], { w: floats([columns, rows], 1) });

test('a small dense layer is packed for by the client: 32 of 64 columns in each of two ciphertexts, five folds', () => {
	pin(costsOf(dense(10, 64)), {
		rotations: 5,
		relinearizations: 0,
		plainProducts: 2,
		keys: 5,
		ringDegree: 4096,
		depth: 1,
		inputs: 2,
	});
});

test('a large dense layer is split among two copies: 7 + 7 rotations for 64 diagonals, 4 folds, and a mask', () => {
	pin(costsOf(dense(100, 845)), {
		rotations: 18,
		relinearizations: 0,
		plainProducts: 65,
		keys: 6,
		ringDegree: 4096,
		depth: 2,
		inputs: 1,
	});
});

test.run();
