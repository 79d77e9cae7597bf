import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compileZoo } from '../../bench/zoo.ts';
import { CompileError, compile } from '../../compiler/index.ts';
import type { Objective } from '../../compiler/options.ts';
import type { Tradeoff } from '../../compiler/tradeoffs.ts';
import { models } from '../../models/index.ts';
import { MOST_MEMORY } from '../../runtime/plan.ts';
import { convolutional, tiny } from './models.ts';

const compiled = compile(convolutional());
const rows = new Map(compiled.tradeoffs().map((row) => [row.objective, row]));
const rowOf = (objective: Objective): Tradeoff => rows.get(objective) as Tradeoff;

test('there is a row for each objective, and that of the program says what the report says', () => {
	assert.equal([...rows.keys()], ['latency', 'throughput', 'upload', 'keys', 'memory']);
	const { report } = compiled;
	assert.equal(rowOf('latency'), {
		objective: 'latency',
		chosen: true,
		fits: true,
		ringDegree: report.parameters.ringDegree,
		batch: 1,
		evaluateMs: report.predicted.evaluateMs,
		rotations: report.counts.rotations,
		relinearizations: report.counts.relinearizations,
		keys: report.keys.count,
		keyBytes: report.keys.bytes,
		uploadBytes: report.traffic.uploadBytes,
		memoryBytes: report.memory.total,
	});
	assert.equal([...rows.values()].filter(({ chosen }) => chosen).length, 1);
});

test('an estimate is what compiling for its objective gives, but for the scales', () => {
	for (const objective of ['upload', 'keys', 'memory'] as const) {
		const row = rowOf(objective);
		const { report } = compile(convolutional(), { optimize: objective });
		assert.is(
			report.parameters.ringDegree,
			row.ringDegree,
			'the ring degree is no longer comparable: take another model',
		);
		assert.is(row.rotations, report.counts.rotations, objective);
		assert.is(row.relinearizations, report.counts.relinearizations, objective);
		assert.is(row.keys, report.keys.count, objective);
		const near = (estimate: number, exact: number): boolean => Math.abs(estimate - exact) <= 0.3 * exact;
		assert.ok(near(row.evaluateMs, report.predicted.evaluateMs), `${objective}: ${row.evaluateMs} ms`);
		assert.ok(near(row.uploadBytes, report.traffic.uploadBytes), `${objective}: ${row.uploadBytes} bytes`);
		assert.ok(near(row.memoryBytes, report.memory.total), `${objective}: ${row.memoryBytes} bytes of memory`);
	}
});

test('every objective is at least as good as the program at what it is for', () => {
	const program = rowOf('latency');
	assert.ok(rowOf('upload').uploadBytes <= program.uploadBytes);
	assert.ok(rowOf('keys').keyBytes <= program.keyBytes);
	assert.ok(rowOf('memory').memoryBytes < program.memoryBytes);
	const { evaluateMs, batch, rotations, memoryBytes } = rowOf('throughput');
	assert.ok(evaluateMs / batch < program.evaluateMs);
	assert.equal([batch, rotations], [program.ringDegree / 2, 0]);
	assert.ok(memoryBytes <= MOST_MEMORY);
});

test('on the CryptoNets network every objective is better than latency at what it is for', () => {
	const model = models.find(({ name }) => name === 'mnist-cryptonets');
	if (model === undefined) throw new Error('there is no such model');
	const found = new Map(
		compileZoo(model)
			.tradeoffs()
			.map((row) => [row.objective, row]),
	);
	const quantities = {
		latency: ({ evaluateMs }) => evaluateMs,
		throughput: ({ evaluateMs, batch }) => evaluateMs / batch,
		upload: ({ uploadBytes }) => uploadBytes,
		keys: ({ keyBytes }) => keyBytes,
		memory: ({ memoryBytes }) => memoryBytes,
	} as const satisfies { readonly [O in Objective]: (row: Tradeoff) => number };
	for (const objective of ['throughput', 'upload', 'keys', 'memory'] as const) {
		const [own, usual] = [found.get(objective), found.get('latency')].map((row) =>
			quantities[objective](row as Tradeoff),
		) as [number, number];
		assert.ok(own < 0.75 * usual, `${objective}: ${own}, with latency ${usual}`);
		// And latency is better than each of them at what it is for.
		if (objective !== 'throughput')
			assert.ok(
				quantities.latency(found.get('latency') as Tradeoff) < quantities.latency(found.get(objective) as Tradeoff),
			);
	}
});

test('constants are kept in every row but that of memory, whichever objective the program has', () => {
	const lean = compile(convolutional(), { optimize: 'memory' });
	const row = (objective: Objective): Tradeoff =>
		lean.tradeoffs().find((other) => other.objective === objective) as Tradeoff;
	assert.is(row('memory').memoryBytes, lean.report.memory.total);
	assert.is(row('memory').evaluateMs, lean.report.predicted.evaluateMs);
	const usual = rowOf('latency');
	for (const [found, expected] of [
		[row('latency').memoryBytes, usual.memoryBytes],
		[row('latency').evaluateMs, usual.evaluateMs],
	] as const)
		assert.ok(Math.abs(found - expected) <= 0.3 * expected, `${found} instead of ${expected}`);
});

test('the samples in a ciphertext are those asked for, or what is usual for each objective', () => {
	const asked = compile(convolutional(), { optimize: 'keys', batch: 4 }).tradeoffs();
	assert.equal(
		asked.map(({ objective, chosen, batch }) => [objective, chosen, batch]),
		['latency', 'throughput', 'upload', 'keys', 'memory'].map((objective) => [objective, objective === 'keys', 4]),
	);
	const usual = compile(convolutional(), { optimize: 'throughput' }).tradeoffs();
	for (const { objective, chosen, batch } of usual) {
		assert.is(chosen, objective === 'throughput');
		assert.is(batch > 1, chosen, objective);
	}
});

test('an objective whose keys cannot be kept within the limits has no row', () => {
	const compiles = (optimize: Objective, maxKeys: number): boolean => {
		try {
			return compile(tiny(), { optimize, maxKeys, batch: 1 }) !== undefined;
		} catch (error) {
			if (error instanceof CompileError) return false;
			throw error;
		}
	};
	const fewest = [1, 2, 3, 4].find((maxKeys) => compiles('keys', maxKeys)) as number;
	const rows = compile(tiny(), { optimize: 'keys', maxKeys: fewest, batch: 1 }).tradeoffs();
	for (const objective of ['latency', 'upload', 'memory'] as const) {
		const keys = rows.find((row) => row.objective === objective)?.keys;
		assert.is(keys !== undefined && keys <= fewest, compiles(objective, fewest), objective);
	}
});

test.run();
