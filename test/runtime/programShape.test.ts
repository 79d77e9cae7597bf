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

test('an instruction with a field that it does not have, and one that does not exist, are complained about', () => {
	for (const step of server.instructions)
		for (const extra of ['a', 'b', 'to', 'digits', 'terms', '__proto__x'])
			if (!(extra in step))
				assert.ok(serverComplaint({ ...server, instructions: [{ ...step, [extra]: 0 }] }) !== undefined, step.op);
	assert.ok(serverComplaint({ ...server, instructions: [{ op: 'toString', to: 0 }] }) !== undefined);
	assert.ok(serverComplaint({ ...server, instructions: [{ op: 'rotate', to: 1, a: 0, steps: 1 }] }) !== undefined);
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
