/** The file of baselines: what every point reached when it was accepted. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Baseline } from './judge.ts';

const FILE = new URL('../baselines.json', import.meta.url);

export const readBaselines = (): ReadonlyMap<string, Baseline> =>
	new Map(existsSync(FILE) ? Object.entries<Baseline>(JSON.parse(readFileSync(FILE, 'utf8'))) : []);

/** One point a paragraph, in the order given. */
export const writeBaselines = (baselines: ReadonlyMap<string, Baseline>): void =>
	writeFileSync(FILE, `${JSON.stringify(Object.fromEntries(baselines), null, '\t')}\n`);

/** The names, dearest first: those without a baseline, then by bytes of keys, which grow with the ring, its levels and the layers. */
export const dearestFirst = (
	names: readonly string[],
	baselines: ReadonlyMap<string, Pick<Baseline, 'keyBytes'>>,
): readonly string[] => {
	const weight = (name: string): number => baselines.get(name)?.keyBytes ?? Infinity;
	return names.toSorted((a, b) => (weight(a) === weight(b) ? 0 : weight(b) - weight(a)));
};
