import type { Compiled } from '../compiler/index.ts';
import type { Measured, Report } from '../compiler/report.ts';
import { createClient } from '../runtime/client.ts';
import type { Sample } from '../runtime/inputs.ts';
import { evaluateLocally } from '../runtime/local.ts';
import type { InputPacking, Program } from '../runtime/plan.ts';
import type { Result } from '../runtime/results.ts';
import { createServer, type EngineName } from '../runtime/server.ts';
import { maxAbsDifference } from './decisions.ts';
import type { Output } from './output.ts';
import { noticesOf } from './session.ts';

/** The report with what one encrypted run took: of the first calibration sample, or of a random input in the assumed range. */
export const measuredReport = async <R extends Report>(
	{ program, stages }: Pick<Compiled, 'program' | 'stages'>,
	report: R,
	output: Pick<Output, 'progress' | 'note'>,
): Promise<R> => {
	const sample: Sample = new Map(
		program.client.inputs.map((input) => [
			input.name,
			beforeHead(input, stages.knowledge.samples.get(input.name)?.[0] ?? new Float64Array()),
		]),
	);
	const { ops } = stages.solution.circuit;
	const origins = stages.sources.map((id) => ops[id]?.origin ?? '');
	return { ...report, measured: await measure(program, sample, { backend: report.backend, origins, output }) };
};

/** The input that the head makes these values of. */
const beforeHead = ({ head }: InputPacking, values: Float64Array): Float64Array =>
	head === undefined
		? values
		: values.map((value, i) => (value - (head.shift[i] as number)) / ((head.scale[i] as number) || 1));

const timed = async <T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly ms: number }> => {
	const start = performance.now();
	const result = await work();
	return { result, ms: Number((performance.now() - start).toFixed(1)) };
};

/** Evaluations after the first: in the second one, much of the code is still being compiled. */
const LATER_RUNS = 3;

const fastest = async <T extends { readonly ms: number }>(runs: number, work: () => Promise<T>): Promise<T> => {
	let best = await work();
	for (let k = 1; k < runs; k++) {
		const next = await work();
		if (next.ms < best.ms) best = next;
	}
	return best;
};

type Measuring = {
	readonly backend: EngineName;
	/** Of each instruction. */
	readonly origins: readonly string[];
	readonly output: Pick<Output, 'progress' | 'note'>;
};

/** Encrypts, evaluates and decrypts one sample, on one thread, for which times are predicted. */
const measure = async (
	program: Program,
	sample: Sample,
	{ backend, origins, output }: Measuring,
): Promise<Measured> => {
	const [onProgress, onNotice] = [output.progress, noticesOf(output)];
	const client = await createClient(program.client);
	const setUp = await timed(() => createServer(program.server, program.constants, { backend, onNotice }));
	const server = setUp.result;
	const keys = await timed(() => client.evaluationKeys({ onProgress }));
	const loaded = await timed(() => server.loadKeys(keys.result, { onProgress }));
	const request = await timed(() => client.encrypt(sample));
	const first = await timed(() => server.evaluate(request.result, { onProgress }));
	const later = await fastest(LATER_RUNS, async () => {
		const layers = layerClock(origins);
		const cpu = process.cpuUsage();
		const answer = await timed(() => server.evaluate(request.result, { onProgress, onInstruction: layers.add }));
		const { user, system } = process.cpuUsage(cpu);
		return { ...answer, cpuMs: Math.round((user + system) / 1000), layers: layers.times() };
	});
	const answer = await timed(() => client.decrypt(later.result));
	const peakBytes = server.peakBytes() ?? null;
	client.dispose();
	await server.dispose();
	return {
		...{ setUpMs: setUp.ms, keygenMs: keys.ms, loadKeysMs: loaded.ms, encryptMs: request.ms },
		...{ firstEvaluateMs: first.ms, evaluateMs: later.ms, decryptMs: answer.ms },
		evaluateCpuMs: later.cpuMs,
		...{ layers: later.layers, peakBytes, keyBytes: keys.result.length },
		...{ uploadBytes: request.result.length, downloadBytes: later.result.length },
		...(await precisionOf(program, sample, answer.result)),
	};
};

/** Adds up the times of instructions by origin. */
const layerClock = (origins: readonly string[]) => {
	const totals = new Map(origins.map((origin) => [origin, 0]));
	return {
		add: (index: number, milliseconds: number): void => {
			const origin = origins[index] ?? '';
			totals.set(origin, (totals.get(origin) ?? 0) + milliseconds);
		},
		times: (): Measured['layers'] =>
			[...totals].map(([origin, milliseconds]) => ({ origin, milliseconds: Number(milliseconds.toFixed(1)) })),
	};
};

/** The decrypted outputs, before the tail, beside those of the same program in the clear. */
const precisionOf = async (
	program: Program,
	sample: Sample,
	{ outputs }: Result,
): Promise<Pick<Measured, 'encryptionError' | 'bits'>> => {
	const [clear] = await evaluateLocally(program, 'clear', [sample]);
	const errors = program.client.outputs.map(({ name, magnitude }) => {
		const [found, exact] = [outputs.get(name)?.raw.data, clear?.outputs.get(name)?.raw.data];
		const error = maxAbsDifference(found ?? new Float64Array(), exact ?? new Float64Array());
		return { error, bits: Math.log2(Math.max(magnitude, error) / Math.max(error, Number.MIN_VALUE)) };
	});
	return {
		encryptionError: Math.max(...errors.map(({ error }) => error)),
		bits: Number(Math.min(...errors.map(({ bits }) => bits)).toFixed(2)),
	};
};
