/**
 * The coordinator as a process of its own. Reads what it was given at set-up (federation.ts), prints its address, then a line of JSON
 * for each round; ends at SIGTERM.
 *
 *     node examples/federated/coordinatorProcess.ts <folder of the coordinator> <folder of the build>
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readServer } from '../../runtime/buildFolder.ts';
import { createServer } from '../../runtime/server.ts';
import { readTokens } from '../../runtime/service/auth.ts';
import { random } from './chance.ts';
import { Coordinator } from './coordinator.ts';
import type { RoundRules } from './rounds.ts';

/** How often it is looked whether someone is late. */
const TICK_MS = 20;

const [folder = '', build = ''] = process.argv.slice(2);
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
const settings: { readonly rules: RoundRules; readonly joinMs: number } = JSON.parse(
	readFileSync(join(folder, 'settings.json'), 'utf8'),
);
const { server: program, constants } = readServer(build);
const server = await createServer(program, constants);
const coordinator = new Coordinator({
	server,
	keySet: await server.loadKeys(bytesOf('keys')),
	invited: readTokens(readFileSync(join(folder, 'invited'), 'utf8')),
	standby: new Map(program.inputs.map(({ name }) => [name, bytesOf(name)])),
	...settings,
	random,
	now: () => performance.now(),
});
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
console.log(await coordinator.app.listen({ host: '127.0.0.1', port: 0 }));
while (!stop.signal.aborted) {
	const report = await coordinator.tick();
	if (report !== undefined) console.log(JSON.stringify(report));
	await sleep(TICK_MS);
}
await coordinator.app.close();
await server.dispose();
