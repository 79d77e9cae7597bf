import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Audit } from '../../cli/audit/audit.ts';
import { maskingOf } from '../../cli/audit/masking.ts';
import { judgements, securityOf } from '../../cli/audit/tables.ts';
import { readReport, writeFiles } from '../../cli/buildDir.ts';
import type { ShownReport } from '../../cli/report/exposure.ts';
import { isPrime } from '../../compiler/ckks/primes.ts';
import { fingerprintOf } from '../../compiler/codegen/program.ts';
import { compile, writeBuild } from '../../compiler/index.ts';
import type { CkksParameters, ClientProgram, Program, ServerProgram } from '../../runtime/plan.ts';
import { convolutional, tiny } from '../compile/models.ts';
import { type Ended, start } from './support.ts';

type Files = ReadonlyMap<string, Uint8Array | string>;
const test = suite('audit', { folder: '' });

const compiled = compile(tiny());
const good = compiled.program;
const goodFiles: Files = writeBuild(compiled);

/** The files of the program as if it had been compiled so. */
const filesOf = (program: Program): Files => writeBuild({ program, report: compiled.report });

/** With a fingerprint that fits: whoever changes a build can make one. */
const signed = (client: ClientProgram, server: ServerProgram): Program => {
	const { fingerprint: _, ...restOfClient } = client;
	const { fingerprint: __, ...restOfServer } = server;
	const fingerprint = fingerprintOf(restOfClient, restOfServer, good.constants);
	return {
		client: { ...restOfClient, fingerprint },
		server: { ...restOfServer, fingerprint },
		constants: good.constants,
	};
};

const withParameters = (change: Partial<CkksParameters>): Program => {
	const parameters = { ...good.client.parameters, ...change };
	return signed({ ...good.client, parameters }, { ...good.server, parameters });
};

const withOutput = (change: Partial<ClientProgram['outputs'][number]>): Program =>
	signed({ ...good.client, outputs: good.client.outputs.map((output) => ({ ...output, ...change })) }, good.server);

const write = (folder: string, files: Files): string => {
	const build = mkdtempSync(join(folder, 'build-'));
	writeFiles(build, files);
	return build;
};

const audited = async (build: string): Promise<Ended & { readonly audit: Audit }> => {
	const ended = await start('audit', build, '--json', '--quiet');
	return { ...ended, audit: JSON.parse(ended.stdout) as Audit };
};

const highOf = ({ findings }: Audit): readonly string[] => [
	...new Set(findings.filter(({ severity }) => severity === 'high').map(({ about }) => about)),
];

/** The audit of these files ends with 3 for what is named, and nothing else. */
const finds = async (folder: string, files: Files, ...about: readonly string[]): Promise<Audit> => {
	const { status, stderr, audit } = await audited(write(folder, files));
	assert.equal(highOf(audit), about);
	assert.is(status, 3);
	assert.match(stderr, /^error: .*less than it claims/);
	return audit;
};

test.before((context) => {
	context.folder = mkdtempSync(join(tmpdir(), 'onnx-seal-audit-'));
});
test.after(({ folder }) => rmSync(folder, { recursive: true }));

test('a build as compiled keeps what it claims', async ({ folder }) => {
	const build = write(folder, goodFiles);
	const { status, stderr, audit } = await audited(build);
	assert.equal([status, stderr, highOf(audit)], [0, '', []]);
	assert.equal(
		audit.findings.filter(({ severity }) => severity === 'low'),
		[],
	);
	assert.ok(audit.parameters.granted >= audit.parameters.claimed);
	assert.is(audit.fingerprint, good.client.fingerprint);
	assert.is(audit.keys.length, compiled.report.keys.count);
	for (const { elements, zeros, copies, leftovers, slots } of audit.masking?.outputs ?? []) {
		assert.equal([elements, leftovers], [2, 0]);
		assert.is(elements + zeros + copies, slots);
	}
	const text = await start('audit', build);
	assert.is(text.status, 0);
	for (const said of ['server sees', 'log2(QP)', 'quantum', 'x [1, 1, 4, 4]', 'leftovers', 'Not promised'])
		assert.ok(text.stdout.includes(said), said);
});

test('a modulus beyond the table is found, also where the fingerprint was made to fit', async ({ folder }) => {
	const { ringDegree, primes } = good.client.parameters;
	const more: number[] = [];
	for (let prime = 2 ** 47 + 1; more.length < 12; prime += 2 * ringDegree) if (isPrime(prime)) more.push(prime);
	const audit = await finds(folder, filesOf(withParameters({ primes: [...primes, ...more] })), 'parameters');
	assert.ok(audit.parameters.granted < audit.parameters.claimed);
	assert.ok((audit.tables[0]?.margin ?? 0) < 0);
	const claimed = withParameters({ security: 256, primes: [...primes, ...more.slice(0, 1)] });
	assert.ok(securityOf(claimed.client.parameters) < 256);
	await finds(folder, filesOf(claimed), 'parameters');
});

test('factors that are no primes are found', async ({ folder }) => {
	const { ringDegree, primes } = good.client.parameters;
	let composite = 2 ** 20 + 1;
	while (isPrime(composite)) composite += 2 * ringDegree;
	await finds(folder, filesOf(withParameters({ primes: [...primes, composite] })), 'primes');
});

test('halves of two compilations, and a half that was changed, are found', async ({ folder }) => {
	const other = writeBuild(compile(convolutional()));
	const mixed = [...goodFiles].map(([name, content]) => [name, name.startsWith('server/') ? other.get(name) : content]);
	await finds(folder, new Map(mixed as [string, string][]), 'halves', 'masking');
	const constants = (goodFiles.get('server/constants.bin') as Uint8Array).slice();
	constants[0] = (constants[0] as number) ^ 1;
	await finds(folder, new Map([...goodFiles, ['server/constants.bin', constants]]), 'fingerprint');
});

test('whatever may be weights in the half of the client is found', async ({ folder }) => {
	const constants = goodFiles.get('server/constants.bin') as Uint8Array;
	await finds(folder, new Map([...goodFiles, ['client/data.bin', constants]]), 'client');
	const weights = { ...good.client, weights: [0.25, 0.5] };
	await finds(folder, filesOf(signed(weights, good.server)), 'client');
	const inputs = good.client.inputs.map((input) => ({ ...input, head: { scale: [1, 2, 3], shift: [4, 5, 6] } }));
	await finds(folder, filesOf(signed({ ...good.client, inputs }, good.server)), 'client');
});

test('a server that loads more than the server, and a secret key in the build, are found', async ({ folder }) => {
	const module = goodFiles.get('server/index.js') as string;
	for (const line of ["import 'onnx-seal/runtime/client';", "require('somewhere');"])
		await finds(folder, new Map([...goodFiles, ['server/index.js', `${module}${line}\n`]]), 'server');
	const plain = Uint8Array.from([0x4f, 0x4e, 0x53, 0x4c, 1, 4, 0, 0]);
	const wrapped = Uint8Array.from([0x4f, 0x4e, 0x53, 0x57, 1, 0, 0, 0]);
	for (const key of [plain, wrapped]) await finds(folder, new Map([...goodFiles, ['key.bin', key]]), 'secret');
});

test('a module that was changed is told, and names of a model are no imports', async ({ folder }) => {
	const module = `${goodFiles.get('client/index.js') as string}\n`;
	const changed = await audited(write(folder, new Map([...goodFiles, ['client/index.js', module]])));
	assert.equal([changed.status, changed.audit.findings[0]?.about], [0, 'client']);
	const name = "import 'weights'";
	const named = signed({ ...good.client, name }, { ...good.server, name });
	const { status, audit } = await audited(write(folder, filesOf(named)));
	assert.equal([status, highOf(audit)], [0, []]);
});

test('slots that show more than the outputs are found', async ({ folder }) => {
	const [part] = good.client.outputs[0]?.parts ?? [];
	const [slot, , element, step] = part?.[0] ?? [0, 0, 0, 0];
	const first = [[[slot, 1, element, step]]] as const;
	const hidden = withOutput({ parts: first });
	assert.ok((maskingOf(hidden).outputs[0]?.leftovers ?? 0) > 0);
	await finds(folder, filesOf(hidden), 'masking');
});

test('leftovers are a lesser finding where the report of the very program says that masking is off', async ({
	folder,
}) => {
	const open = compile(tiny(), { masking: false });
	const files = writeBuild(open);
	const { status, audit } = await audited(write(folder, files));
	assert.equal([status, highOf(audit)], [0, []]);
	const [found] = audit.findings.filter(({ severity, about }) => severity === 'low' && about === 'masking');
	assert.match(found?.what ?? '', /^masking is off, and \d+ of \d+ slots of output 'y'/);
	assert.match(found?.remedy ?? '', /--masking off/);
	const json = files.get('report.json') as string;
	const lies = json.replace(/"on": ?false/, '"on":true');
	assert.is.not(lies, json);
	await finds(folder, new Map([...files, ['report.json', lies]]), 'masking');
	const elsewhere = json.replaceAll(open.program.client.fingerprint, good.client.fingerprint);
	await finds(folder, new Map([...files, ['report.json', elsewhere]]), 'masking');
	await finds(folder, new Map([...files].filter(([name]) => name !== 'report.json')), 'masking');
});

test('compile says what masking costs and who sees what, and warns where it is off', async ({ folder }) => {
	const path = join(folder, 'tiny.onnx');
	writeFileSync(path, tiny());
	const built = async (
		name: string,
		...options: readonly string[]
	): Promise<Ended & { readonly report: ShownReport }> => {
		const build = join(folder, name);
		const ended = await start('compile', path, '-o', build, ...options);
		assert.is(ended.status, 0, ended.stderr);
		return { ...ended, report: readReport(build) as ShownReport };
	};
	const on = await built('on');
	assert.match(on.stdout, /\noutput masking +on[,:] /);
	assert.is(on.report.masking.price?.free, false);
	const { audit } = await audited(join(folder, 'on'));
	assert.equal(on.report.exposure, { parties: audit.parties, tables: audit.tables });
	const off = await built('off', '--masking', 'off');
	assert.match(off.stderr, /Warning: Masking is off: /);
	assert.match(off.stdout, /\noutput masking +off: up to \d+ slots hold partial sums/);
	assert.is(off.report.masking.price, undefined);
	const late = await start('inspect', join(folder, 'off'), '--masking', 'on');
	assert.is(late.status, 2);
	assert.match(late.stderr, /--masking would change nothing/);
});

test('inputs are drawn around zero where those around the middle of the range leave the modulus', () => {
	const withRange = (range: readonly [number, number]): Program => ({
		...good,
		client: { ...good.client, inputs: good.client.inputs.map((input) => ({ ...input, range })) },
	});
	const far = maskingOf(withRange([0, 200]));
	assert.is(far.around, 'zero');
	assert.ok(far.share < 1);
	assert.ok(far.outputs.every(({ leftovers }) => leftovers === 0));
	assert.equal([maskingOf(good).around, maskingOf(good).share], ['middle', 1]);
	assert.throws(() => maskingOf(withRange([1e9, 1e9 + 1])), /leaves the modulus/);
});

test('slots of samples in a batch, and of one in every slot, show nothing but the outputs', () => {
	for (const model of [tiny(), convolutional()])
		for (const options of [{ batch: 4 }, { optimize: 'throughput' }] as const) {
			const { program } = compile(model, options);
			const { outputs, share } = maskingOf(program, 7);
			assert.is(share, 1);
			for (const { elements, leftovers } of outputs) {
				assert.is(leftovers, 0);
				assert.ok(elements > 0 && elements % program.client.batch === 0);
			}
		}
});

test('an output whose overflow nobody would see is found', async ({ folder }) => {
	await finds(folder, filesOf(withOutput({ plausible: 1e300 })), 'plausible');
});

test('what a build cannot do without is refused, and what else is missing is told', async ({ folder }) => {
	const without = (name: string): string => write(folder, new Map([...goodFiles].filter(([file]) => file !== name)));
	for (const name of ['client/program.json', 'server/program.json', 'server/constants.bin']) {
		const { status, stdout, stderr } = await start('audit', without(name), '--json');
		assert.equal([status, stdout], [3, ''], name);
		assert.ok(stderr.includes(`${name} is missing`), stderr);
	}
	for (const [name, about] of [
		['client/index.js', 'client'],
		['server/index.js', 'server'],
		['report.json', 'report'],
	] as const) {
		const { status, audit } = await audited(without(name));
		assert.is(status, 0);
		assert.ok(audit.findings.some((one) => one.severity === 'low' && one.about === about));
	}
	const file = join(folder, 'file');
	writeFileSync(file, '');
	assert.is((await start('audit', file)).status, 3);
});

test('tables fall with the security and with quantum attacks, and the ring degrees outside of them have none', () => {
	const parameters = (ringDegree: number): CkksParameters => ({
		...{ ringDegree, primes: [2 ** 40], specialPrime: 2 ** 40, security: 128 },
	});
	for (const ringDegree of [4096, 8192, 16384, 32768]) {
		const rows = judgements(parameters(ringDegree));
		for (const year of ['2018', '2024'])
			for (const security of [128, 192, 256]) {
				const limit = (attacks: string): number | null | undefined =>
					rows.find((row) => row.source.startsWith(year) && row.attacks === attacks && row.security === security)
						?.limit;
				assert.ok((limit('quantum') ?? 0) < (limit('classical') ?? 0));
			}
		assert.ok(rows.every(({ limit, margin }) => Math.abs((limit ?? 0) - 80 - (margin ?? 0)) < 0.01));
	}
	assert.ok(judgements(parameters(65536)).every(({ limit, margin }) => limit === null && margin === null));
	assert.is(securityOf(parameters(65536)), 0);
	assert.is(securityOf(parameters(8192)), 256);
	assert.is(securityOf(parameters(4096)), 128);
});

test.run();
