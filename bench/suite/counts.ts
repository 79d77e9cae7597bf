/** What became of the cases, counted by family. */
import { table } from '../table.ts';
import type { CaseName } from './cases.ts';
import { FAMILIES, familyOf } from './families.ts';
import type { Judgement, Verdict } from './judge.ts';

export type Judged = Pick<CaseName, 'name' | 'op' | 'domain' | 'outputs'> & Judgement;

/** A case of an operator that the suite replaces by what its definition says it is made of. */
const isDecomposed = ({ name }: Judged): boolean => name.includes('_expanded');

const rowOf = (title: string, cases: readonly Judged[]): readonly string[] => {
	const count = (verdict: Verdict): number => cases.filter((judged) => judged.verdict === verdict).length;
	const right = count('right');
	const share = `${((100 * right) / Math.max(1, cases.length)).toFixed(1)} %`;
	return [title, ...[cases.length, right, count('refused'), count('wrong'), count('crashed')].map(String), share];
};

/** One line for each family, of the operators as such and as the suite decomposes them. */
export const countTable = (judged: readonly Judged[]): string => {
	const rows = FAMILIES.flatMap((family) => {
		const own = judged.filter((one) => familyOf(one) === family);
		const [whole, parts] = [own.filter((one) => !isDecomposed(one)), own.filter(isDecomposed)];
		const titled: readonly (readonly [string, readonly Judged[]])[] = [
			[family, whole],
			[`${family}, decomposed`, parts],
		];
		return titled.filter(([, cases]) => cases.length > 0).map(([title, cases]) => rowOf(title, cases));
	});
	const head = ['operators', 'cases', 'right', 'refused', 'wrong', 'crashed', 'right of all'];
	return table(head, [...rows, rowOf('all', judged)]);
};

/** Every case that is not right with its reason, family by family, what is wrong or crashed first. */
export const problemList = (judged: readonly Judged[]): string => {
	const order: readonly Verdict[] = ['crashed', 'wrong', 'refused'];
	return FAMILIES.flatMap((family) => {
		const own = judged.filter((one) => one.verdict !== 'right' && familyOf(one) === family);
		const lines = order.flatMap((verdict) =>
			own
				.filter((one) => one.verdict === verdict)
				.map(({ name, op, reason = '' }) => `- ${verdict}: ${op}, ${name.replace('test_', '')}: ${reason}`),
		);
		return lines.length === 0 ? [] : [`\n${family}:`, ...lines];
	}).join('\n');
};
