import type { Report } from '../../compiler/report.ts';
import type { Program } from '../../runtime/plan.ts';
import { notPromised, type Party, partiesOf } from '../audit/parties.ts';
import { type Judgement, judgements } from '../audit/tables.ts';
import { formatNumber } from '../output.ts';
import { escapeHtml, htmlTable } from './html.ts';
import { maskingText } from './masking.ts';

/** Who sees what of a program, and what published tables say of its parameters: what `audit` finds in its files as well. */
export type Exposure = { readonly parties: readonly Party[]; readonly tables: readonly Judgement[] };

/** The report that `compile` writes and shows. */
export type ShownReport = Report & { readonly exposure?: Exposure };

export const exposureOf = (program: Program): Exposure => ({
	parties: partiesOf(program),
	tables: judgements(program.client.parameters),
});

const TITLES: { readonly [P in Party['party']]: string } = {
	client: 'The client',
	server: 'The server',
	wire: 'The wire between them',
};

const list = (lines: readonly string[]): string =>
	`<ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul>`;

const partyCard = ({ party, sees, never }: Party): string =>
	`<div><h3>${TITLES[party]} sees</h3>${list(sees)}<p>and never ${escapeHtml(never.join(', '))}</p></div>`;

/** A card for each party, what outputs show beside their elements, and what nothing of this protects from. */
export const partiesSection = (report: ShownReport): string =>
	report.exposure === undefined
		? ''
		: `<div class="parties">${report.exposure.parties.map(partyCard).join('')}</div>
<p>Output masking, that the slots of an output hold nothing but its elements, is ${escapeHtml(maskingText(report))}.</p>
<h3>Not promised</h3>${list(notPromised)}`;

const judgementHead = ['table', 'attacks', 'bits of QP', 'margin'];

/** The tables at the level of security that the program claims. */
export const securitySection = ({ exposure, parameters }: ShownReport): string => {
	if (exposure === undefined) return '';
	const { securityBits, ringDegree, logQ } = parameters;
	const rows = exposure.tables
		.filter(({ security }) => security === securityBits)
		.map(({ source, attacks, limit, margin }) => [source, attacks, limit ?? '-', margin ?? '-']);
	const intro = `The modulus QP, under which everything is encrypted, has ${formatNumber(logQ)} bits. These are the most that published tables allow for N = ${ringDegree} and ${securityBits} bits of security, and what is left of them. Claimed is the first line; of quantum attacks nothing is claimed.`;
	return `<p class="note">${escapeHtml(intro)}</p>${htmlTable(judgementHead, rows)}`;
};
