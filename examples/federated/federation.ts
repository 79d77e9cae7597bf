import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFiles } from '../../cli/buildDir.ts';
import { writeBuild } from '../../compiler/index.ts';
import { createClient } from '../../runtime/client.ts';
import { compiledAggregation } from './aggregation.ts';
import type { RoundReport } from './coordinator.ts';
import type { Faults, MemberEvent } from './member.ts';
import { weightsIn } from './network.ts';
import type { RoundRules } from './rounds.ts';
import type { Task } from './tasks.ts';

/** A federation on one machine: a process for the coordinator and one for each user, which share nothing but HTTP. */
export type Federation = {
	readonly task: Task;
	/** Faults of each user; their number is that of the users. */
	readonly users: readonly Faults[];
	readonly rules: RoundRules;
	/** Whether the first user also makes weights that may be shown to others: of a program with more precision and larger ciphertexts. */
	readonly publish?: boolean | undefined;
	/** Kills everything when it takes longer. */
	readonly mostMs: number;
	readonly onRound?: ((report: RoundReport) => void) | undefined;
};

export type Outcome = {
	readonly rounds: readonly RoundReport[];
	/** The weights that each user has at the end. */
	readonly weights: readonly Float64Array[];
	/** Weights that may be shown to others, where they were asked for. */
	readonly shown: Float64Array | undefined;
	readonly events: readonly MemberEvent[];
	/** How often users died. */
	readonly deaths: number;
	/** What processes wrote to stderr. */
	readonly log: string;
};

export const nameOf = (user: number): string => `hospital-${user + 1}`;

const privately = (folder: string, name: string, content: Uint8Array | string): void =>
	writeFileSync(join(folder, name), content, { mode: 0o600 });

const folderOf = (...parts: readonly string[]): string => {
	const path = join(...parts);
	mkdirSync(path, { recursive: true, mode: 0o700 });
	return path;
};

/** Bits of a sum that loses some 24 of them when it is flooded. */
const FLOODED_BITS = 36;

/**
 * What the hospitals do among themselves before the first round: one of them compiles the sum, makes the key, gives the secret to the
 * other hospitals and the public things to the coordinator, and an invitation to each.
 */
export const setUp = async (folder: string, { task, users, rules, publish }: Federation): Promise<void> => {
	const precision = publish === true ? FLOODED_BITS : undefined;
	const compiled = compiledAggregation(weightsIn(task.network) + 1, rules.places, precision);
	writeFiles(join(folder, 'build'), writeBuild(compiled));
	const client = await createClient(compiled.program.client);
	const zeros = new Float64Array(weightsIn(task.network) + 1);
	const secret = await client.exportSecretKey();
	const coordinator = folderOf(folder, 'coordinator');
	const invited = users.map((_, user) => {
		const own = folderOf(folder, nameOf(user));
		const invitation = randomBytes(32).toString('base64url');
		privately(own, 'secret.key', secret);
		privately(own, 'invitation', invitation);
		return `${nameOf(user)}:${createHash('sha256').update(invitation).digest('hex')}\n`;
	});
	privately(coordinator, 'invited', invited.join(''));
	privately(coordinator, 'settings.json', JSON.stringify({ rules, joinMs: 20_000 }));
	privately(coordinator, 'keys', await client.evaluationKeys());
	for (const { name } of client.program.inputs) privately(coordinator, name, await client.encryptInput(name, zeros));
	client.dispose();
};

const script = (name: string): string => join(import.meta.dirname, name);

/** Processes, and how to wait for them; all of them end with `stop`. */
class Processes {
	readonly #children = new Set<ChildProcess>();
	log = '';

	/** Runs a script; resolves to what ended it, null where it ended by itself without an error. */
	run(name: string, args: readonly string[], onLine: (line: string) => void) {
		const child = spawn(process.execPath, [script(name), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
		this.#children.add(child);
		createInterface({ input: child.stdout }).on('line', onLine);
		child.stderr.setEncoding('utf8').on('data', (text: string) => {
			this.log += text;
		});
		const ended = new Promise<NodeJS.Signals | number | null>((resolve) =>
			child.once('close', (code, signal) => {
				this.#children.delete(child);
				resolve(signal ?? (code === 0 ? null : code));
			}),
		);
		return { child, ended };
	}

	async stop(): Promise<void> {
		for (const child of this.#children) child.kill('SIGKILL');
		while (this.#children.size > 0) await sleep(10);
	}
}

/** How long a user that died stays away. */
const AWAY_MS = 1000;

/**
 * Runs a federation that was set up in `folder` to its end; users that die come back after a while, as a supervisor would do it.
 * Errors: Error where a process fails or the time is over, with what they wrote to stderr.
 */
export const runFederation = async (folder: string, federation: Federation): Promise<Outcome> => {
	const { task, users, rules, publish, mostMs, onRound } = federation;
	const processes = new Processes();
	const rounds: RoundReport[] = [];
	const events: MemberEvent[] = [];
	let deaths = 0;
	const fail = (why: string): never => {
		throw new Error(`${why}\n${processes.log}`);
	};
	const build = join(folder, 'build');
	const address = Promise.withResolvers<string>();
	const coordinator = processes.run('coordinatorProcess.ts', [join(folder, 'coordinator'), build], (line) => {
		if (!line.startsWith('{')) return address.resolve(line);
		const report: RoundReport = JSON.parse(line);
		rounds.push(report);
		onRound?.(report);
	});
	const user = async (index: number, url: string, faults: Faults): Promise<void> => {
		const args = [join(folder, nameOf(index)), build, url, task.name, String(index), String(users.length)];
		const most = publish === true && index === 0 ? [String(rules.rounds)] : [];
		const end = await processes.run('userProcess.ts', [...args, JSON.stringify(faults), ...most], (line) =>
			events.push(JSON.parse(line)),
		).ended;
		if (end === null) return;
		if (end !== 'SIGKILL' || faults.dieIn === undefined || faults.dieIn.length === 0)
			return fail(`${nameOf(index)} ended with ${end}`);
		deaths++;
		await sleep(AWAY_MS);
		return user(index, url, { ...faults, dieIn: faults.dieIn.filter((round) => round > rounds.length + 1) });
	};
	const everyone = async (): Promise<void> => {
		const url = await address.promise;
		await Promise.all(users.map((faults, index) => user(index, url, faults)));
	};
	const early = coordinator.ended.then((end) => fail(`the coordinator ended with ${end}`));
	const timer = new AbortController();
	const late = sleep(mostMs, undefined, { signal: timer.signal }).then(() => fail('it takes too long'));
	try {
		await Promise.race([everyone(), early, late]);
		const weights = users.map((_, index) => weightsAt(join(folder, nameOf(index), 'weights')));
		const shown = publish === true ? weightsAt(join(folder, nameOf(0), 'shown')) : undefined;
		return { rounds, weights, shown, events, deaths, log: processes.log };
	} finally {
		timer.abort();
		late.catch(() => undefined);
		early.catch(() => undefined);
		await processes.stop();
	}
};

const weightsAt = (path: string): Float64Array => {
	const bytes = new Uint8Array(readFileSync(path));
	return new Float64Array(bytes.buffer);
};
