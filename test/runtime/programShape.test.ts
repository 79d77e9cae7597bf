import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createClient } from '../../runtime/client.ts';
import { clientComplaint, serverComplaint } from '../../runtime/programShape.ts';
import { createServer, readConstants } from '../../runtime/server.ts';
import { everyOperation, refusalOf, refusalOfAsync } from './support.ts';

const { client, server, constants } = everyOperation();

type Fields = Record<string, unknown>;
type Place = readonly (string | number)[];

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** Every place in a value: the names that lead to it. */
const placesIn = (value: unknown, place: Place = []): Place[] => [
	...(place.length > 0 ? [place] : []),
	...(isFields(value) ? Object.keys(value).flatMap((name) => placesIn(value[name], [...place, name])) : []),
];

/** A copy in which `change` was applied to what holds the last name of the place. */
const changed = <T>(value: T, place: Place, change: (holder: Fields, name: string) => void): T => {
	const copy = structuredClone(value);
	let holder: unknown = copy;
	for (const name of place.slice(0, -1)) holder = isFields(holder) ? holder[name] : undefined;
	if (isFields(holder)) change(holder, String(place.at(-1)));
	return copy;
};

const optional =
	/^(?:keys relinearization|constants \d+ extended|(?:in|out)puts \d+ (?:head|plausible|predictedError|magnitude).*)$/;

for (const [half, program, complaint] of [
	['client', client, clientComplaint],
	['server', server, serverComplaint],
] as const)
	test(`${half}: a field that is missing or of another type is complained about, wherever it is`, () => {
		assert.is(complaint(program), undefined);
		for (const place of placesIn(program)) {
			const what = place.join(' ');
			if (optional.test(what)) continue;
			const isText = /(?:^| )(?:name|op|fingerprint)$/.test(what);
			for (const bad of [undefined, null, {}, Number.NaN, ...(isText ? [] : ['rescale'])]) {
				const broken = changed<unknown>(program, place, (holder, name) => {
					holder[name] = bad;
				});
				assert.ok(complaint(broken) !== undefined, `${what}: ${bad}`);
			}
		}
	});

test('a known output whose values do not fill its shape is complained about', () => {
	const complaintOf = (values: unknown) =>
		clientComplaint({ ...client, knownOutputs: [{ name: 'k', shape: [1, 2], values }] });
	assert.is(complaintOf([1, 2]), undefined);
	for (const bad of [[1], [1, 2, 3], [], [1, Number.NaN], undefined]) assert.ok(complaintOf(bad) !== undefined);
});

test('an instruction with a field that it does not have, and one that does not exist, are complained about', () => {
	for (const step of server.instructions)
		for (const extra of ['a', 'b', 'to', 'digits', 'terms', '__proto__x'])
			if (!(extra in step))
				assert.ok(serverComplaint({ ...server, instructions: [{ ...step, [extra]: 0 }] }) !== undefined, step.op);
	assert.ok(serverComplaint({ ...server, instructions: [{ op: 'toString', to: 0 }] }) !== undefined);
	assert.ok(serverComplaint({ ...server, instructions: [{ op: 'rotate', to: 1, a: 0, steps: 1 }] }) !== undefined);
});

test('tails that do not fit what they are done on, and operations that do not exist, are complained about', () => {
	const complaintOf = (shape: readonly number[], tail: readonly unknown[], to: readonly number[]) => {
		const [output] = client.outputs;
		return clientComplaint({ ...client, outputs: [{ ...output, encryptedShape: shape, tail, shape: to }] });
	};
	const pick = { op: 'argMax', axis: -1, keepDims: false, selectLast: false };
	const good: readonly (readonly [from: readonly number[], tail: readonly unknown[], to: readonly number[]])[] = [
		[[2, 3], [{ op: 'softmax', axis: 1 }, pick, { op: 'lookup', values: [4, 5, 6] }], [2]],
		[[2, 3], [{ op: 'logSoftmax', axis: -2 }, { ...pick, axis: 0, keepDims: true }], [1, 3]],
		[[2, 6], [{ op: 'votes', classes: 4 }, { op: 'hardmax', axis: 1 }], [2, 4]],
		[[2, 2], [{ op: 'sigmoid' }, { op: 'l1', axis: 1 }, { op: 'select', values: [3, 0, 3] }], [3]],
		[[6], [{ op: 'reshape', shape: [3, 2] }], [3, 2]],
		[[], [], []],
	]; // biome-ignore format: one a line
	for (const [from, tail, to] of good) {
		assert.is(complaintOf(from, tail, to), undefined, JSON.stringify(tail));
		assert.ok(complaintOf(from, tail, [...to, 1]) !== undefined, 'another shape');
		for (const [k, op] of tail.entries())
			for (const name of Object.keys(op as object))
				for (const bad of [undefined, null, {}, -9, 1.5, 'toString', [1e9], [-1], [0.5], ['0']]) {
					if (name === 'values' && (op as Fields).op === 'lookup' && Array.isArray(bad) && bad[0] !== '0') continue;
					const broken = complaintOf(from, tail.with(k, { ...(op as object), [name]: bad }), to);
					assert.ok(broken !== undefined, `${JSON.stringify(op)}: ${name} ${bad}`);
				}
	}
	for (const [from, op] of [
		[[2, 3], { op: 'softmax', axis: 2 }],
		[[], { op: 'softmax', axis: 0 }],
		[[1], { op: 'votes', classes: 1 }],
		[[0], { op: 'votes', classes: 0 }],
		[[2, 3], { op: 'sigmoid', axis: 0 }],
		[[2, 3], { op: 'toString' }],
	] as const) // biome-ignore format: one a line
		assert.ok(complaintOf(from, [op], from) !== undefined, JSON.stringify(op));
});

test('elements in more slots than there are, and outputs of more elements, are complained about', () => {
	const [input, output] = [client.inputs[0], client.outputs[0]];
	const slots = client.parameters.ringDegree / 2 / client.batch;
	for (const run of [[0, 1e15, 0, 1], [1, slots, 0, 1], [-1, 1, 0, 1], [0.5, 1, 0, 1], [0, 0.5, 0, 1]]) {
		assert.ok(clientComplaint({ ...client, inputs: [{ ...input, parts: [[run]] }] }) !== undefined, `input ${run}`);
		assert.ok(clientComplaint({ ...client, outputs: [{ ...output, parts: [[run]] }] }) !== undefined, `output ${run}`);
	} // biome-ignore format: one a line
	for (const shape of [[1e12], [slots + 1], Array.from({ length: 400 }, () => 10)])
		assert.ok(clientComplaint({ ...client, outputs: [{ ...output, encryptedShape: shape, shape }] }) !== undefined);
});

test('more parts than a message could hold are complained about', () => {
	const inputs = server.inputs.map((port) => ({ ...port, parts: 2 ** 20 + 1 }));
	assert.ok(serverComplaint({ ...server, inputs }) !== undefined);
});

test('servers, clients and constants are refused a program with fields missing', async () => {
	for (const broken of [
		{ ...server, format: 'onnx-seal plan 2' },
		{ ...server, instructions: [{ op: 'rotate' }] },
	]) {
		// As from a file: no type knows what is in it.
		const program: typeof server = JSON.parse(JSON.stringify(broken));
		assert.is((await refusalOfAsync(createServer(program, constants))).code, 'program');
		assert.is(
			refusalOf(() => readConstants(program, new Uint8Array(constants.buffer))),
			'program',
		);
	}
	const program: typeof client = JSON.parse(JSON.stringify({ ...client, keys: undefined }));
	assert.is((await refusalOfAsync(createClient(program))).code, 'program');
});

test('a number of threads that is none is refused by a client', async () => {
	for (const threads of [0, 1.5, 1e9])
		assert.is((await refusalOfAsync(createClient(client, { threads }))).code, 'misuse');
});

test.run();
