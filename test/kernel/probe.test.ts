import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { instantiate, type Kernel, loadKernel, makeMemory } from '../../runtime/backends/kernel/module.ts';
import { complaintOf } from '../../runtime/backends/kernel/probe.ts';
import { PROBE_BYTES } from '../../runtime/backends/kernel/selfTest.ts';
import type { KernelExports } from '../../runtime/kernel/exports.ts';
import { KERNEL_SIZES } from '../../runtime/kernel/memory.ts';

const load = async (shared = false): Promise<Kernel> =>
	instantiate(await loadKernel(shared), makeMemory(shared, PROBE_BYTES, PROBE_BYTES));

const kernel = await load();

/** The kernel with other functions in place of some of its own. */
const withExports = (changes: Partial<KernelExports>): Kernel => ({
	...kernel,
	exports: { ...kernel.exports, ...changes },
});

test('the kernel passes here, in a memory of its own and in a shared one, again and again', async () => {
	assert.is(complaintOf(kernel), undefined);
	assert.is(complaintOf(kernel), undefined);
	assert.is(complaintOf(await load(true)), undefined);
});

test('a machine without fused multiply-add is found out', () => {
	assert.match(complaintOf(withExports({ isFused: () => 0 })) ?? '', /fused multiply-add/);
});

/** Functions that write a result at their first argument. */
const RESULTS = [
	'add',
	'subtract',
	'negate',
	'addMixed',
	'modSwitch',
	'addPlain',
	'sumProducts',
	'multiply',
	'square',
	'rotate',
	'relinearize',
	'modDown',
	'rescale',
	'encode',
	'encodeNumber',
	'expandSeed',
	'transform',
	'inverseTransform',
	'unpackRow',
	'decompose',
	'storeKeyRow',
] as const satisfies readonly (keyof KernelExports)[];

/** The kernel with one function whose first result, a number at its first argument, is off by one. */
const wrong = (name: (typeof RESULTS)[number]): Kernel => {
	const right: (...args: readonly number[]) => unknown = kernel.exports[name];
	const off = (...args: readonly number[]): number => {
		const result = right(...args);
		const view = new Float64Array(kernel.memory.buffer, args[0], 1);
		view[0] = (view[0] as number) + 1;
		return Number(result);
	};
	return withExports({ [name]: off });
};

for (const name of RESULTS)
	test(`a wrong result of ${name} is found out`, () => {
		assert.match(complaintOf(wrong(name)) ?? '', /self-test fails/);
	});

test('a wrong combination, packing, table of an automorphism or of the encoder is found out', () => {
	const { exports, memory } = kernel;
	const first = (address: number): number => new Uint32Array(memory.buffer, address, 1)[0] as number;
	const changes: readonly Partial<KernelExports>[] = [
		{
			combine: (to, ...rest) => {
				exports.combine(to, ...rest);
				new Float64Array(memory.buffer, first(to), 1)[0] = 0.5;
			},
		},
		{
			packRow: (packed, ...rest) => {
				exports.packRow(packed, ...rest);
				new Uint8Array(memory.buffer, packed, 1)[0] = first(packed) + 1;
			},
		},
		{ unpackRow: (...args) => Math.abs(exports.unpackRow(...args)) },
		{ galoisTable: (table, element) => exports.galoisTable(table, (element * 3) % 128) },
		{
			makeEncoder: (tables, logN) => {
				exports.makeEncoder(tables, logN);
				new Uint8Array(memory.buffer, tables, exports.encoderBytes(logN)).fill(0);
			},
		},
		{
			modDown: () => {
				throw new WebAssembly.RuntimeError('unreachable');
			},
		},
	];
	for (const change of changes)
		assert.match(complaintOf(withExports(change)) ?? '', /self-test fails/, Object.keys(change)[0]);
});

test('the kernel needs as many bytes as is reckoned without it', () => {
	const { exports } = kernel;
	for (let log = 10; log <= 15; log++)
		for (let primes = 1; primes <= 24; primes++) {
			assert.is(KERNEL_SIZES.contextBytes(log, primes), exports.contextBytes(log, primes));
			assert.is(KERNEL_SIZES.digitBytes(log, primes), exports.digitBytes(log, primes));
			assert.is(KERNEL_SIZES.keyBytes(log, primes), exports.keyBytes(log, primes));
			assert.is(KERNEL_SIZES.encoderBytes(log), exports.encoderBytes(log));
			for (const threads of [1, 2, 8])
				assert.is(KERNEL_SIZES.scratchBytes(log, primes, threads), exports.scratchBytes(log, primes, threads));
		}
});

test.run();
