/** Definitions of operators that changed, beside the versions that our table has. */
import { readFileSync } from 'node:fs';
import { OPSETS } from '../../compiler/onnx/decode.ts';
import { runOf, supportedOps } from '../../compiler/onnx/ops/index.ts';
import { SUITE } from './cases.ts';

type Parameter = { readonly name: string; readonly option: string };
type Definition = {
	readonly since: number;
	readonly deprecated: boolean;
	readonly attributes: Readonly<Record<string, { readonly type: string; readonly default: string }>>;
	readonly inputs: readonly Parameter[];
	readonly outputs: readonly Parameter[];
	readonly text: string;
};

/** The parts of a definition that say what it means, types of elements aside. */
const PARTS = ['deprecated', 'attributes', 'inputs', 'outputs', 'text'] as const;

const changesOf = (before: Definition, after: Definition): readonly string[] =>
	PARTS.filter((part) => JSON.stringify(before[part]) !== JSON.stringify(after[part])).map((part) => {
		if (part !== 'attributes') return part;
		const names = new Set([...Object.keys(before.attributes), ...Object.keys(after.attributes)]);
		const changed = [...names].filter(
			(name) => JSON.stringify(before.attributes[name]) !== JSON.stringify(after.attributes[name]),
		);
		return `attributes ${changed.join(', ')}`;
	});

type Gap = { readonly title: string; readonly changes: readonly string[] };

const gapsOf = (domain: string, op: string, definitions: readonly Definition[]): readonly Gap[] => {
	const run = (opset: number) => runOf(domain === 'ai.onnx' ? '' : domain, op, opset);
	return definitions.slice(1).flatMap((definition, k) => {
		const { since } = definition;
		const before = definitions[k];
		if (before === undefined || since <= OPSETS.min || since > OPSETS.max || run(since) !== run(since - 1)) return [];
		const changes = changesOf(before, definition);
		return changes.length === 0 ? [] : [{ title: `${op} ${since}`, changes }];
	});
};

/**
 * Every operator set within ours at which a definition changed and the table goes on with the version before: a line for each
 * that changed attributes, inputs or outputs, then the names of those of which only the text differs.
 */
export const versionGaps = (): string => {
	const history: Readonly<Record<string, readonly Definition[]>> = JSON.parse(
		readFileSync(new URL('versions.json', SUITE), 'utf8'),
	);
	const gaps = supportedOps().flatMap(({ domain, op }) => gapsOf(domain, op, history[`${domain} ${op}`] ?? []));
	const reworded = gaps.filter(({ changes }) => changes.every((change) => change === 'text'));
	const changed = gaps.filter((gap) => !reworded.includes(gap));
	return [
		...changed.map(({ title, changes }) => `${title}: ${changes.filter((change) => change !== 'text').join('; ')}`),
		`in words only: ${reworded.map(({ title }) => title).join(', ')}`,
	].join('\n');
};
