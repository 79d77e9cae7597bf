/**
 * Five hospitals train a model together, and a server adds up their updates without reading them; two of them are slow or die. Each is a
 * process of its own, and they talk HTTP over loopback.
 *
 *     node examples/federated/main.ts [--task logistic|mlp|cnn] [--rounds 20] [--publish] [--keep <folder>]
 *
 * With --publish the first hospital makes weights at the end that may be shown to others, the coordinator among them; not of the
 * CNN, whose training amplifies the noise of earlier rounds.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compared } from './compared.ts';
import type { RoundReport } from './coordinator.ts';
import { type Federation, runFederation, setUp } from './federation.ts';
import { weightsIn } from './network.ts';
import { usualFaults, usualRules } from './scenario.ts';
import { taskOf } from './tasks.ts';

const { values } = parseArgs({
	options: {
		task: { type: 'string', default: 'logistic' },
		rounds: { type: 'string', default: '20' },
		publish: { type: 'boolean', default: false },
		keep: { type: 'string' },
	},
});
if (values.publish && values.task === 'cnn') throw new Error('--publish: not with --task cnn, see README.md');
const task = taskOf(values.task);
const wanted = Number(values.rounds);
if (!(Number.isInteger(wanted) && wanted >= 1 && wanted <= 1000))
	throw new Error('--rounds is a number from 1 to 1000');
const rules = usualRules(task, wanted);
const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

const show = ({ round, present, dropped, extended, milliseconds }: RoundReport): void => {
	const without = dropped.length === 0 ? '' : `, without ${dropped.join(' and ')}`;
	const again = extended === 0 ? '' : `, extended ${extended} times`;
	const who = present.toSorted().join(', ');
	console.log(`round ${round} of ${rules.rounds}: ${who}${without}${again}, ${(milliseconds / 1000).toFixed(1)} s`);
};

/** How often each user was chosen. */
const chosen = (reports: readonly RoundReport[]): string => {
	const all = reports.flatMap(({ present, dropped }) => [...present, ...dropped]);
	return [...new Set(all)]
		.toSorted()
		.map((user) => `${user} ${all.filter((one) => one === user).length}`)
		.join(', ');
};

const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'onnx-seal-federated-'));
const federation: Federation = {
	task,
	users: usualFaults(rules),
	rules,
	publish: values.publish,
	mostMs: 600_000,
	onRound: show,
};
try {
	console.log(`${weightsIn(task.network)} weights, 5 hospitals, ${rules.places} of them in a round`);
	await setUp(folder, federation);
	const outcome = await runFederation(folder, federation);
	const sent = outcome.events.filter((event) => event.event === 'sent');
	const received = outcome.events.filter((event) => event.event === 'moved');
	console.log(
		`hospital-5 died ${outcome.deaths} times and came back; ${outcome.rounds.length} of ${rules.rounds} rounds`,
	);
	console.log(
		`a user sends ${kilobytes(sent[0]?.bytes ?? 0)} in a round and receives ${kilobytes(received[0]?.bytes ?? 0)}`,
	);
	console.log(`times chosen: ${chosen(outcome.rounds)}`);
	console.log('comparing with training in the clear ...');
	const { encrypted, shown, sameUsers, allUsers, central, difference } = compared(federation, outcome);
	console.log(`right on the test rows: ${percent(encrypted)}`);
	if (shown !== undefined) console.log(`  with weights that may be shown to others: ${percent(shown)}`);
	console.log(
		`  the same users, not encrypted: ${percent(sameUsers)} (weights differ by ${difference.toExponential(1)} at most)`,
	);
	console.log(`  all users in each round, not encrypted: ${percent(allUsers)}`);
	console.log(`  all rows in one place: ${percent(central)}`);
} finally {
	if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
}
