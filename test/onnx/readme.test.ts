import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type SupportedOp, supportedOps } from '../../compiler/onnx/ops/index.ts';
import { COSTS } from '../../compiler/onnx/ops/table.ts';

/**
 * The list of operators in docs/operators.md is that of the code, and the README counts them. `npm run bless` (UPDATE_GOLDEN=1) writes it anew.
 */
const DOCUMENT = new URL('../../docs/operators.md', import.meta.url);
const README = new URL('../../README.md', import.meta.url);
const [OPEN, CLOSE] = ['<!-- operators -->\n', '<!-- end of operators -->'];

const row = (cells: readonly string[]): string =>
	`|${cells.map((cell) => ` ${cell.replaceAll('|', '\\|')}`.trimEnd()).join(' |')} |`;

const tableOf = (ops: readonly SupportedOp[]): string =>
	[
		'| operator | opsets | how | remarks | cost, where it is another |',
		'| --- | --- | --- | --- | --- |',
		...ops.map(({ op, since, until, how, cost, note }) =>
			row([op, `${since} to ${until}`, how, note, cost === COSTS[how] ? '' : cost]),
		),
	].join('\n');

/** A table for each domain. */
const sections = (): string => {
	const ops = supportedOps();
	const domains = [...new Set(ops.map(({ domain }) => domain))];
	return domains
		.map((domain) => {
			const own = ops.filter((op) => op.domain === domain);
			return `## ${own.length} operators of ${domain}\n\n${tableOf(own)}\n`;
		})
		.join('\n');
};

test('docs/operators.md lists the operators of the code (npm run bless writes the list anew)', () => {
	const text = readFileSync(DOCUMENT, 'utf8');
	const [start, end] = [text.indexOf(OPEN), text.indexOf(CLOSE)];
	assert.ok(start >= 0 && end > start, 'docs/operators.md has no list of operators');
	const expected = sections();
	if (process.env.UPDATE_GOLDEN === '1')
		writeFileSync(DOCUMENT, `${text.slice(0, start)}${OPEN}${expected}${text.slice(end)}`);
	const found = readFileSync(DOCUMENT, 'utf8').split(OPEN)[1]?.split(CLOSE)[0]?.split('\n') ?? [];
	const lines = expected.split('\n');
	const missing = lines.filter((line) => !found.includes(line));
	const wrong = found.filter((line) => !lines.includes(line));
	assert.equal([missing, wrong], [[], []], 'docs/operators.md differs from the operators of the code');
	assert.is(found.join('\n'), expected);
});

test('the README counts them', () => {
	const text = readFileSync(README, 'utf8');
	const counts = Map.groupBy(supportedOps(), ({ domain }) => domain);
	for (const [domain, ops] of counts)
		assert.match(text, new RegExp(`\\b${ops.length} (?:operators )?of ${domain.replaceAll('.', '\\.')}`));
});

test('docs/operators.md says what every kind of operator costs', () => {
	const text = readFileSync(DOCUMENT, 'utf8').replace(/\s+/g, ' ');
	for (const [how, cost] of Object.entries(COSTS)) assert.ok(text.includes(`\`${how}\``) && text.includes(cost), cost);
});

test.run();
