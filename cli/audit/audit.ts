import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isPrime } from '../../compiler/ckks/primes.ts';
import { RING_DEGREES } from '../../compiler/ckks/security.ts';
import { fingerprintOf } from '../../compiler/codegen/program.ts';
import type { Report } from '../../compiler/report.ts';
import { readClient, readServer } from '../../runtime/buildFolder.ts';
import { RefusedError } from '../../runtime/errors.ts';
import type { CkksParameters, ClientProgram, OutputPacking, Program, ServerProgram } from '../../runtime/plan.ts';
import { readReport } from '../buildDir.ts';
import { fileFindings, weightFindings } from './files.ts';
import { type Finding, high, low, note, when } from './findings.ts';
import { type Masks, maskingOf } from './masking.ts';
import { type AuditedKey, keysOf, type Party, partiesOf } from './parties.ts';
import { type Judgement, judgements, modulusBits, securityOf } from './tables.ts';

/** What `onnx-seal audit --json` prints: all of it found in the files themselves, but `range`, and whether masking was promised, which are the report's word. */
export type Audit = {
	readonly name: string;
	readonly fingerprint: string;
	readonly parameters: {
		readonly ringDegree: number;
		/** log2(QP). */
		readonly logQP: number;
		readonly claimed: number;
		/** By the classical table of 2024. */
		readonly granted: number;
		readonly secret: string;
		readonly error: string;
	};
	readonly tables: readonly Judgement[];
	readonly keys: readonly AuditedKey[];
	readonly parties: readonly Party[];
	/** Null where the plan could not be evaluated; a finding says why. */
	readonly masking: Masks | null;
	readonly range: Report['range'] | null;
	readonly outputs: readonly AuditedOutput[];
	readonly findings: readonly Finding[];
};

/** The absolute error before the tail that is predicted, how often an element has a larger one, and beyond what an answer is reported. */
export type AuditedOutput = {
	readonly name: string;
	readonly predictedError: number;
	readonly exceededAtMost: number;
	readonly plausible: number;
};

/** The predicted error is 6 standard deviations at least, of errors with the tails of a Laplace distribution (runtime/noise.ts). */
const EXCEEDED = Math.exp(-6 * Math.SQRT2);

const parameterFindings = (parameters: CkksParameters): readonly Finding[] => {
	const { ringDegree, primes, specialPrime, security } = parameters;
	const all = [...primes, specialPrime];
	const wrong = all.filter((prime) => !isPrime(prime) || prime % (2 * ringDegree) !== 1);
	const granted = securityOf(parameters);
	const quantum = judgements(parameters).filter(
		(one) => one.attacks === 'quantum' && one.security === security && (one.margin ?? 0) < 0,
	);
	return [
		...when(granted < security, () =>
			high(
				'parameters',
				`${security} bits are claimed, and N = ${ringDegree} with log2(QP) = ${modulusBits(parameters)} has ${granted === 0 ? 'fewer than 128' : granted} by the table of 2024`,
			),
		),
		...when(wrong.length > 0 || new Set(all).size < all.length, () =>
			high('primes', `the modulus is no product of distinct primes that are 1 mod ${2 * ringDegree}`),
		),
		...quantum.map(({ source, margin }) =>
			note(
				'parameters',
				`against quantum attacks, the table of ${source} asks for ${Math.abs(margin ?? 0)} bits less of modulus at ${security} bits; nothing is claimed of these`,
				'--security 192 has a margin.',
			),
		),
	];
};

const ports = (ends: readonly { readonly name: string; readonly level: number; readonly scale: number }[]): unknown =>
	ends.map(({ name, level, scale }) => [name, level, scale]);

/** What both halves must say alike. */
const agree = (client: ClientProgram, server: ServerProgram): boolean => {
	const common = ({ fingerprint, parameters, batch, keys }: ClientProgram | ServerProgram): unknown => [
		...[fingerprint, parameters, batch, keys],
	];
	const counts = (ends: ClientProgram['inputs'] | ClientProgram['outputs']): unknown => ends.map((e) => e.parts.length);
	const ofClient = [
		common(client),
		ports(client.inputs),
		ports(client.outputs),
		counts(client.inputs),
		counts(client.outputs),
	];
	const ofServer = [
		...[common(server), ports(server.inputs), ports(server.outputs)],
		...[server.inputs, server.outputs].map((ends) => ends.map(({ parts }) => parts)),
	];
	return JSON.stringify(ofClient) === JSON.stringify(ofServer);
};

const halfFindings = ({ client, server, constants }: Program): readonly Finding[] => {
	const { fingerprint, ...restOfClient } = client;
	const { fingerprint: _, ...restOfServer } = server;
	if (!agree(client, server))
		return [high('halves', 'client and server are not of the same compilation, or one of them was changed')];
	return when(fingerprintOf(restOfClient, restOfServer, constants) !== fingerprint, () =>
		high('fingerprint', 'the fingerprint is not that of the files: something was changed after compiling'),
	);
};

/** A wrapped value has to be beyond what is plausible. */
const plausibilityFindings = ({ parameters, outputs }: ClientProgram): readonly Finding[] => {
	const isSafe = ({ plausible, level, scale }: OutputPacking): boolean => {
		const bits = parameters.primes.slice(0, level + 1).reduce((sum, prime) => sum + Math.log2(prime), 0);
		return plausible > 0 && Math.log2(plausible) + Math.log2(scale) < bits - 1;
	};
	return outputs
		.filter((output) => !isSafe(output))
		.map(({ name }) =>
			high('plausible', `an output '${name}' that left the modulus may be taken for a right one: nothing reports it`),
		);
};

const isExecutable = ({ client }: Program): boolean => {
	const { batch, inputs, parameters } = client;
	const fits = batch >= 1 && Number.isInteger(parameters.ringDegree / 2 / batch);
	return (
		RING_DEGREES.includes(parameters.ringDegree) &&
		fits &&
		inputs.every(({ range: [low = Number.NaN, high = Number.NaN] }) => low <= high)
	);
};

type Masked = { readonly masking: Masks | null; readonly findings: readonly Finding[] };

const maskedBy = (program: Program, promised: boolean): Masked => {
	const failed = (why: string): Masked => ({
		masking: null,
		findings: [high('masking', `what the outputs show cannot be told: ${why}`)],
	});
	if (!agree(program.client, program.server)) return failed('the halves do not fit each other');
	if (!isExecutable(program)) return failed('ring degree, batch or ranges are none that the compiler makes');
	try {
		const masking = maskingOf(program);
		return { masking, findings: maskingFindings(masking, promised) };
	} catch (error) {
		if (error instanceof RefusedError) return failed(error.message);
		throw error;
	}
};

/** Leftovers are less than what is promised, unless the report says that masking is off: whoever compiled it so knew. */
const maskingFindings = ({ outputs, share, around }: Masks, promised: boolean): readonly Finding[] => [
	...outputs
		.filter(({ leftovers }) => leftovers > 0)
		.map(({ output, leftovers, slots }) => {
			const what = `${leftovers} of ${slots} slots of output '${output}' hold neither zero nor an element: they tell the key owner something of the weights`;
			return promised
				? high('masking', what)
				: low(
						'masking',
						`masking is off, and ${what}`,
						'Compile without --masking off where users are not to learn of the network.',
					);
		}),
	...when(share < 1 || around === 'zero', () =>
		low(
			'range',
			`random inputs of the whole accepted range leave the modulus; they were drawn from ${share < 1 ? `${share} of it` : 'it'} around ${around === 'zero' ? 'zero' : 'its middle'}`,
			'Inputs unlike those of the calibration may get implausible answers. Calibrate with data that cover them.',
		),
	),
];

const reportFindings = (report: Report, { fingerprint, parameters }: ClientProgram): readonly Finding[] => [
	...when(report.fingerprint !== fingerprint, () => low('report', 'the report is of another compilation')),
	...when(report.parameters.securityBits > parameters.security, () =>
		high('report', `the report claims ${report.parameters.securityBits} bits, the program ${parameters.security}`),
	),
	...when(report.range.guaranteed !== true, () =>
		note(
			'range',
			'by the report, only inputs like those of the calibration are sure to stay within the modulus; others may get an answer that is reported as implausible',
			'Heed the warnings of results.',
		),
	),
];

type Reported = Pick<Audit, 'range' | 'findings'> & { readonly promisesMasking: boolean };

const reported = (folder: string, client: ClientProgram): Reported => {
	if (!existsSync(join(folder, 'report.json')))
		return {
			...{ range: null, promisesMasking: true },
			findings: [low('report', 'report.json is missing: nothing says whether accepted inputs fit')],
		};
	const report = readReport(folder) as Report;
	const { range, masking, fingerprint } = report;
	// The report of another program excuses nothing.
	const promisesMasking = fingerprint !== client.fingerprint || masking.on !== false;
	return { range, promisesMasking, findings: reportFindings(report, client) };
};

const order: readonly Finding['severity'][] = ['high', 'low', 'note'];

/** Audits the files of a build directory. Costs two evaluations in the clear. Throws RefusedError 'program' for one that cannot be read. */
export const auditOf = (folder: string): Audit => {
	const client = readClient(folder);
	const program: Program = { client, ...readServer(folder) };
	const { parameters } = client;
	const { range, promisesMasking, findings: ofReport } = reported(folder, client);
	const { masking, findings: ofMasking } = maskedBy(program, promisesMasking);
	const findings = [
		...parameterFindings(parameters),
		...halfFindings(program),
		...weightFindings(client),
		...fileFindings(folder, client, program.server),
		...plausibilityFindings(client),
		...ofMasking,
		...ofReport,
	];
	return {
		name: client.name,
		fingerprint: client.fingerprint,
		parameters: {
			ringDegree: parameters.ringDegree,
			logQP: modulusBits(parameters),
			claimed: parameters.security,
			granted: securityOf(parameters),
			secret: 'uniform ternary',
			error: 'centred binomial, standard deviation 3.24',
		},
		tables: judgements(parameters),
		keys: keysOf(client),
		parties: partiesOf(program),
		...{ masking, range },
		outputs: client.outputs.map(({ name, predictedError, plausible }) => ({
			...{ name, predictedError, plausible },
			exceededAtMost: Number(EXCEEDED.toPrecision(2)),
		})),
		findings: order.flatMap((severity) => findings.filter((one) => one.severity === severity)),
	};
};
