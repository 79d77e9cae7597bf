import type { Report } from '../../compiler/report.ts';
import { formatBytes, formatNumber, formatTime } from '../output.ts';
import { percent } from './accuracy.ts';
import { escapeHtml } from './html.ts';

/** What a reader asks first: a question, the number that answers it, and what it means. */
type Card = readonly [question: string, answer: string, remark: string];

/** Decisions where samples judged them, else the bits that are right. */
const precisionCard = ({ accuracy, predicted }: Report): Card =>
	accuracy === undefined
		? ['precision', `${formatNumber(predicted.bits)} bits`, 'of the largest output are right']
		: [
				'same decision',
				percent(accuracy.agreement),
				`on ${accuracy.judged} calibration samples; ${percent(accuracy.expectedFlips)} are expected to flip`,
			];

const timeCard = ({ predicted, measured, parameters, backend }: Report): Card => [
	'time of an answer',
	formatTime(measured?.evaluateMs ?? predicted.evaluateMs),
	[
		measured === undefined ? 'predicted, one thread' : `measured; ${formatTime(predicted.evaluateMs)} predicted`,
		...(parameters.batch > 1 ? [`${parameters.batch} samples at once`] : []),
		...(backend === 'kernel' ? [] : [`on ${backend}`]),
	].join(', '),
];

const cards = (report: Report): readonly Card[] => {
	const { parameters, keys, traffic, memory } = report;
	const { securityBits, ringDegree, logQ } = parameters;
	return [
		timeCard(report),
		precisionCard(report),
		['keys', formatBytes(keys.bytes), `${keys.count} of them, sent once by each client`],
		['a request', formatBytes(traffic.uploadBytes), `sent, and ${formatBytes(traffic.downloadBytes)} received`],
		['server memory', formatBytes(memory.total), 'with the keys of one client'],
		['security', `${securityBits} bits`, `N = ${ringDegree}, ${formatNumber(logQ)} bits of modulus`],
	];
};

/** The report in six numbers. */
export const glance = (report: Report): string =>
	`<dl class="cards">${cards(report)
		.map(
			([question, answer, remark]) =>
				`<div><dt>${escapeHtml(question)}</dt><dd><b>${escapeHtml(answer)}</b><span>${escapeHtml(remark)}</span></dd></div>`,
		)
		.join('')}</dl>`;
