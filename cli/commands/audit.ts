import type { Command } from 'commander';
import { RefusedError } from '../../runtime/errors.ts';
import { type Audit, auditOf } from '../audit/audit.ts';
import { notPromised } from '../audit/parties.ts';
import { addOutputOptions } from '../options.ts';
import { formatBytes, formatNumber, makeOutput, type OutputOptions, table } from '../output.ts';

const titled = (title: string, text: string): string => `${title}\n${text}`;

const orNone = (value: number | null): string | number => value ?? '-';

const parametersText = ({ parameters: p, fingerprint }: Audit): string =>
	table([
		['fingerprint', fingerprint],
		['ring degree N', p.ringDegree],
		['log2(QP)', p.logQP],
		['security claimed', `${p.claimed} bits`],
		['by the table of 2024', p.granted === 0 ? 'fewer than 128 bits' : `${p.granted} bits`],
		['secret key', p.secret],
		['errors', p.error],
	]);

const tablesText = ({ tables }: Audit): string =>
	table(
		tables.map(({ source, attacks, security, limit, margin }) => [
			...[source, attacks, security, orNone(limit), orNone(margin)],
		]),
		['table', 'attacks', 'bits', 'most log2(QP)', 'margin'],
	);

const keysText = ({ keys }: Audit): string =>
	table(
		keys.map(({ step, level, bytes }) => [
			step === 0 ? 'relinearization' : `rotation by ${step}`,
			level,
			formatBytes(bytes),
		]),
		['evaluation key', 'level', 'bytes'],
	);

const partiesText = ({ parties }: Audit): string =>
	parties
		.map(({ party, sees, never }) =>
			[`${party} sees`, ...sees.map((one) => `  - ${one}`), `  and never ${never.join(', ')}`].join('\n'),
		)
		.join('\n');

const outputsText = ({ masking, outputs }: Audit): string =>
	table(
		outputs.map(({ name, predictedError, exceededAtMost, plausible }) => {
			const mask = masking?.outputs.find(({ output }) => output === name);
			return [
				...[name, ...[mask?.elements, mask?.zeros, mask?.copies, mask?.leftovers].map((count) => count ?? '-')],
				...[predictedError, `1 in ${formatNumber(Math.round(1 / exceededAtMost))}`, plausible],
			];
		}),
		['output', 'elements', 'zeros', 'copies', 'leftovers', 'error at most', 'exceeded', 'implausible beyond'],
	);

const findingsText = ({ findings }: Audit): string =>
	findings.length === 0
		? 'none'
		: findings.map(({ severity, what, remedy }) => `${severity}: ${what}. ${remedy}`).join('\n');

const notPromisedText = notPromised.map((line) => `- ${line}`).join('\n');

const auditText = (audit: Audit): string =>
	[
		titled(`Audit of ${audit.name}`, parametersText(audit)),
		tablesText(audit),
		...(audit.keys.length === 0 ? [] : [keysText(audit)]),
		partiesText(audit),
		titled('Slots of the outputs, on random accepted inputs', outputsText(audit)),
		titled('Findings', findingsText(audit)),
		titled('Not promised', notPromisedText),
	].join('\n\n');

const run = (build: string, given: OutputOptions): void => {
	const output = makeOutput(given);
	const audit = auditOf(build);
	output.result(audit, () => auditText(audit));
	const serious = audit.findings.filter(({ severity }) => severity === 'high').length;
	if (serious > 0)
		throw new RefusedError(
			'program',
			`${build} is less than it claims to be: ${serious} ${serious === 1 ? 'finding is' : 'findings are'} of severity high`,
			'The audit says what helps.',
		);
};

export const addAudit = (program: Command): void => {
	addOutputOptions(
		program
			.command('audit')
			.description('check parameters, keys, files and output slots of a build, and say who sees what')
			.argument('<build dir>')
			.action(run),
	);
};
