import { totalBits } from '../../compiler/ckks/chain.ts';
import { modulusLimit } from '../../compiler/ckks/security.ts';
import type { CkksParameters, SecurityBits } from '../../runtime/plan.ts';

/** One row of a published table: the largest log2(QP) of a ring degree, for each level of security that the table has. */
type Limits = ReadonlyMap<number, readonly [at128: number, at192?: number, at256?: number]>;
type Table = {
	readonly source: string;
	readonly attacks: 'classical' | 'quantum';
	readonly limits: Limits;
};

/** A table's word on the parameters of a build. */
export type Judgement = {
	readonly source: string;
	readonly attacks: Table['attacks'];
	readonly security: SecurityBits;
	/** The largest log2(QP); null where the table has no such ring degree. */
	readonly limit: number | null;
	/** log2(QP) may grow by so many bits; negative where it is beyond the limit already. Null without a limit. */
	readonly margin: number | null;
};

const LEVELS: readonly SecurityBits[] = [128, 192, 256];
const YEAR_2018 = '2018 (HomomorphicEncryption.org)';
const YEAR_2024 = '2024 (ia.cr/2024/463)';

/**
 * Ternary secrets. What the compiler keeps to is the first, in compiler/ckks/security.ts. The quantum limits of 2024 are by the cost model of
 * its authors; later estimates of quantum sieving (Chailloux and Loyer, ia.cr/2021/570) allow a little less.
 */
const TABLES: readonly Table[] = [
	{
		source: YEAR_2018,
		attacks: 'classical',
		limits: new Map([
			[4096, [109, 75, 58]],
			[8192, [218, 152, 118]],
			[16384, [438, 305, 237]],
			[32768, [881, 611, 476]],
		]),
	},
	{
		source: YEAR_2018,
		attacks: 'quantum',
		limits: new Map([
			[4096, [101, 70, 54]],
			[8192, [202, 141, 109]],
			[16384, [411, 284, 220]],
			[32768, [827, 571, 443]],
		]),
	},
	{
		source: YEAR_2024,
		attacks: 'quantum',
		limits: new Map([
			[4096, [101]],
			[8192, [203]],
			[16384, [409]],
			[32768, [825]],
		]),
	},
];

const rounded = (bits: number): number => Number(bits.toFixed(2));

/** log2(QP) of everything that is encrypted under the secret, the special prime of the keys included. */
export const modulusBits = (parameters: CkksParameters): number => rounded(totalBits(parameters));

const judged = (
	{ source, attacks }: Omit<Table, 'limits'>,
	security: SecurityBits,
	limit: number | undefined,
	bits: number,
): Judgement => ({
	...{ source, attacks, security },
	limit: limit ?? null,
	margin: limit === undefined ? null : rounded(limit - bits),
});

/** All tables at all levels of security that they have: the one that is compiled by first. */
export const judgements = (parameters: CkksParameters): readonly Judgement[] => {
	const bits = totalBits(parameters);
	const { ringDegree } = parameters;
	const compiled = LEVELS.map((security) =>
		judged(
			{ source: YEAR_2024, attacks: 'classical' },
			security,
			modulusLimit(ringDegree, security) || undefined,
			bits,
		),
	);
	const others = TABLES.flatMap((table) =>
		LEVELS.filter((_, k) => table.limits.get(4096)?.[k] !== undefined).map((security) =>
			judged(table, security, table.limits.get(ringDegree)?.[LEVELS.indexOf(security)], bits),
		),
	);
	return [...compiled, ...others];
};

/** The most security that the tables of classical attacks of 2024 grant; 0 for none. */
export const securityOf = (parameters: CkksParameters): SecurityBits | 0 =>
	[...LEVELS].reverse().find((security) => totalBits(parameters) <= modulusLimit(parameters.ringDegree, security)) ?? 0;
