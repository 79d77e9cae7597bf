/**
 * A user as a process of its own, with its rows and the group's secret key. Prints a line of JSON for each step; writes the weights to
 * its folder at the end.
 *
 *     node examples/federated/userProcess.ts <folder of the user> <folder of the build> <address> <task> <index> <users> [faults as JSON] [n]
 *
 * With n, the number of rounds, it also writes weights that may be shown to others: made of flooded sums, n of them under this key.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readClient } from '../../runtime/buildFolder.ts';
import { createClient, type Result } from '../../runtime/client.ts';
import { joinFederation } from './api.ts';
import { type Faults, participate } from './member.ts';
import { partOf, taskOf } from './tasks.ts';

const [folder = '', build = '', url = '', name = '', index = '0', users = '1', text = '{}', most] =
	process.argv.slice(2);
const task = taskOf(name);
const rows = partOf(task.load().all, Number(users), Number(index));
const client = await createClient(readClient(build), {
	secretKey: new Uint8Array(readFileSync(join(folder, 'secret.key'))),
	publishing: most === undefined ? undefined : { most: Number(most) },
});
const flooded = (result: Result): Float64Array =>
	Float64Array.from(client.publish(result, { mode: 'flood' }).outputs.get('sum')?.data ?? []);
const invitation = readFileSync(join(folder, 'invitation'), 'utf8').trim();
const { fingerprint } = client.program;
const { weights, shown } = await participate({
	client,
	api: await joinFederation(url, invitation, { fingerprint, keySet: client.keySet }),
	task,
	rows,
	user: Number(index),
	faults: JSON.parse(text) as Faults,
	publish: most === undefined ? undefined : flooded,
	die: () => process.kill(process.pid, 'SIGKILL'),
	onEvent: (event) => console.log(JSON.stringify(event)),
});
client.dispose();
const write = (name: string, numbers: Float64Array): void =>
	writeFileSync(join(folder, name), new Uint8Array(numbers.buffer), { mode: 0o600 });
write('weights', weights);
if (shown !== undefined) write('shown', shown);
