/**
 * Federated averaging by five users of which one is often late and one dies, each a process: accuracy beside the same in the clear, what is
 * sent and what it takes, beside one value in each Paillier ciphertext. Prints Markdown.
 *
 * npm run bench -- federated [--rounds 20] [--task logistic ...: all of them by default] [--write: into the README]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Comparison, compared } from '../examples/federated/compared.ts';
import type { RoundReport } from '../examples/federated/coordinator.ts';
import { type Federation, type Outcome, runFederation, setUp } from '../examples/federated/federation.ts';
import type { MemberEvent } from '../examples/federated/member.ts';
import { weightsIn } from '../examples/federated/network.ts';
import { usualFaults, usualRules } from '../examples/federated/scenario.ts';
import { type Task, taskOf, tasks } from '../examples/federated/tasks.ts';
import { median } from './alternate.ts';
import { PAILLIER_BYTES, paillierMilliseconds } from './paillier.ts';
import { duration, machine, publish, table } from './table.ts';

const { values } = parseArgs({
	options: {
		rounds: { type: 'string', default: '20' },
		task: { type: 'string', multiple: true },
		write: { type: 'boolean', default: false },
	},
});
const rounds = Number(values.rounds);

type Measured = { readonly task: Task; readonly outcome: Outcome; readonly comparison: Comparison };

const measure = async (task: Task): Promise<Measured> => {
	const rules = usualRules(task, rounds);
	const federation: Federation = { task, users: usualFaults(rules), rules, mostMs: 900_000 };
	const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-federated-'));
	try {
		await setUp(folder, federation);
		const outcome = await runFederation(folder, federation);
		console.error(`${task.name}: ${outcome.rounds.length} rounds are done`);
		return { task, outcome, comparison: compared(federation, outcome) };
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
};

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(bytes < 1e5 ? 1 : 0)} kB`;
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const ofKind = <K extends MemberEvent['event']>(events: readonly MemberEvent[], kind: K) =>
	events.filter((event): event is Extract<MemberEvent, { event: K }> => event.event === kind);

/** Nobody was waited for in vain. */
const isSmooth = ({ dropped, extended }: RoundReport): boolean => dropped.length === 0 && extended === 0;

const accuracyRow = ({ task, outcome, comparison }: Measured): readonly string[] => {
	const { encrypted, sameUsers, allUsers, central, difference } = comparison;
	const present = outcome.rounds.reduce((sum, round) => sum + round.present.length, 0);
	const places = outcome.rounds.length * usualRules(task, rounds).places;
	return [
		task.name,
		String(weightsIn(task.network)),
		`${outcome.rounds.length} of ${rounds}`,
		`${present} of ${places}`,
		percent(encrypted),
		percent(sameUsers),
		difference.toExponential(0),
		percent(allUsers),
		percent(central),
	];
};

const perValue = paillierMilliseconds();

const costRow = ({ task, outcome }: Measured): readonly string[] => {
	const weights = weightsIn(task.network);
	const [sent, received] = [ofKind(outcome.events, 'sent'), ofKind(outcome.events, 'moved')];
	return [
		task.name,
		kilobytes(4 * weights),
		kilobytes(sent[0]?.bytes ?? 0),
		kilobytes(received[0]?.bytes ?? 0),
		kilobytes(PAILLIER_BYTES * weights),
		duration(median(sent.map(({ train }) => train))),
		duration(median(sent.map(({ encrypt }) => encrypt))),
		duration(median(received.map(({ decrypt }) => decrypt))),
		duration(median(outcome.rounds.map(({ evaluation }) => evaluation))),
		duration(perValue * weights),
		duration(median(outcome.rounds.filter(isSmooth).map(({ milliseconds }) => milliseconds))),
	];
};

const measured: Measured[] = [];
for (const task of values.task?.map(taskOf) ?? tasks) measured.push(await measure(task));
const accuracyHead = ['model', 'weights', 'rounds', 'updates in time', 'encrypted', 'same users in the clear'];
const costHead = [
	'a user and round',
	'in the clear, float32',
	'sends',
	'receives',
	'Paillier sends',
	'trains',
	'encrypts',
];
const markdown = [
	table(
		[...accuracyHead, 'weights differ by', 'all users in the clear', 'rows in one place'],
		measured.map(accuracyRow),
	),
	table([...costHead, 'decrypts', 'server adds', 'Paillier encrypts', 'whole round'], measured.map(costRow)),
	`Accuracy on rows that no user has: 143 of breast cancer (one is 0.7 point), 10,000 of MNIST. What encryption changes is the difference to the same users in the clear, what late
and dead users cost that to all users. Bytes are bodies of HTTP; medians of CPU time, of whole rounds without late users by the clock, all processes on one machine,
on ${machine()}. Paillier with n of 2048 bits and one value in a ciphertext: 512 bytes and at least ${duration(perValue)} each, a power modulo 4096 bits by OpenSSL.`,
].join('\n\n');
publish('federated', markdown, values.write);
if (
	measured.some(
		({ outcome, comparison }) =>
			outcome.rounds.length !== rounds || Math.abs(comparison.encrypted - comparison.sameUsers) > 0.005,
	)
)
	process.exitCode = 1;
