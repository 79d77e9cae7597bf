/** A few samples of a point, encrypted for real under several key sets and evaluated on the kernel. */
import { createClient } from '../../runtime/client.ts';
import type { Sample } from '../../runtime/inputs.ts';
import type { Program } from '../../runtime/plan.ts';
import type { Result } from '../../runtime/results.ts';
import { createServer, type Server } from '../../runtime/server.ts';
import { NoiseMeter } from './answers.ts';
import type { Noise } from './measurement.ts';
import type { CompiledPoint } from './model.ts';
import { rawOf, simulatedNoise } from './simulated.ts';

/** The result of the sample of this index. */
export type SampleResult = { readonly sample: number; readonly result: Result };

export type Encrypted = {
	readonly results: readonly SampleResult[];
	readonly keySets: number;
	readonly noise: Noise;
	/** rms of the simulated noise of the same samples / rms of the measured one */
	readonly ratio: number;
};

/**
 * Key sets, and samples under each, no sample twice: a larger ring takes longer. The noise of a slot varies with the key, so the rms of a few
 * numbers may be off by 2 by chance alone: as long as it is, more key sets are drawn, up to `most`.
 */
type Effort = { readonly keySets: number; readonly samples: number; readonly most: number };
const LARGEST: Effort = { keySets: 1, samples: 2, most: 3 };
const EFFORTS: readonly (readonly [ringDegree: number, effort: Effort])[] = [
	[8192, { keySets: 4, samples: 5, most: 12 }],
	[16384, { keySets: 3, samples: 2, most: 9 }],
];

export const effortAt = (ringDegree: number): Effort => EFFORTS.find(([most]) => ringDegree <= most)?.[1] ?? LARGEST;

/** Key sets that are simulated beside them. */
const SIMULATED = 8;
const isNear = (ratio: number): boolean => ratio <= 2 && ratio >= 1 / 2;

/** `least`: so many samples if it is more than the ring degree's share. */
export const encrypt = async (
	point: CompiledPoint,
	rows: readonly Float64Array[],
	least: number,
): Promise<Encrypted> => {
	const { program, report } = point.compiled;
	const { keySets, samples, most } = effortAt(report.parameters.ringDegree);
	const chosen = firstOf(rows, point.accepts, Math.max(least, keySets * samples));
	const server = await createServer(program.server, program.constants, { backend: 'kernel' });
	const meter = new NoiseMeter(program.client.outputs);
	const simulated = simulatedNoise(
		point,
		chosen.map(({ row }) => row),
		SIMULATED,
	);
	const ratio = (): number => simulated.rms / meter.noise().rms;
	const results: SampleResult[] = [];
	let drawn = 0;
	while (chosen.length > 0 && (drawn < keySets || (drawn < most && !isNear(ratio())))) {
		const group = chosen.filter((_, k) => k % keySets === drawn % keySets);
		const found = await underOneKeySet(
			point.compiled.program,
			server,
			group.map(({ row }) => point.sampleOf(row)),
		);
		found.forEach((result, k) => {
			const { row, sample } = group[k] as Chosen;
			meter.add(rawOf(result), point.polynomials(row));
			results.push({ sample, result });
		});
		drawn++;
	}
	await server.dispose();
	return { results, keySets: drawn, noise: meter.noise(), ratio: ratio() };
};

type Chosen = { readonly sample: number; readonly row: Float64Array };

const firstOf = (
	rows: readonly Float64Array[],
	accepts: (row: Float64Array) => boolean,
	count: number,
): readonly Chosen[] => {
	const chosen: Chosen[] = [];
	for (const [sample, row] of rows.entries()) {
		if (chosen.length === count) break;
		if (accepts(row)) chosen.push({ sample, row });
	}
	return chosen;
};

/** Encrypts, computes and decrypts samples as two machines would, with keys of their own. */
const underOneKeySet = async (program: Program, server: Server, samples: readonly Sample[]): Promise<Result[]> => {
	const client = await createClient(program.client);
	await server.loadKeys(await client.evaluationKeys());
	const results: Result[] = [];
	for (const sample of samples) results.push(await client.decrypt(await server.evaluate(await client.encrypt(sample))));
	await server.dropKeys(client.keySet);
	client.dispose();
	return results;
};
