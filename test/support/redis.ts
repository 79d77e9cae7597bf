import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A redis-server of the system on a port of its own, with an append-only file in a temporary folder. */
export type TestRedis = {
	readonly url: string;
	/** Ends it at once. */
	readonly kill: () => Promise<void>;
	/** Starts it again, on the same port, from its file. */
	readonly start: () => Promise<void>;
	/** Ends it, and removes the folder. */
	readonly dispose: () => Promise<void>;
};

const freePort = async (): Promise<number> => {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const address = server.address();
	server.close();
	await once(server, 'close');
	if (address === null || typeof address === 'string') throw new Error('no port');
	return address.port;
};

/** Does it answer to a PING, having loaded its file? */
const answers = (port: number): Promise<boolean> =>
	new Promise((resolve) => {
		const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
		socket.setTimeout(1000, () => socket.destroy());
		socket.once('data', (data) => {
			resolve(data.toString().startsWith('+PONG'));
			socket.destroy();
		});
		socket.once('error', () => resolve(false));
		socket.once('close', () => resolve(false));
	});

const untilReady = async (port: number, child: ChildProcess): Promise<void> => {
	for (let tries = 0; tries < 200; tries++) {
		if (child.exitCode !== null) throw new Error(`redis-server ended with status ${child.exitCode}`);
		if (await answers(port)) return;
		await sleep(50);
	}
	throw new Error('redis-server does not answer');
};

/** Starts a Redis for a test; `dispose` ends it. Throws where redis-server is not installed. */
export const startRedis = async (): Promise<TestRedis> => {
	const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-redis-'));
	const port = await freePort();
	const args = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'].map(
		String,
	);
	let child: ChildProcess | undefined;

	const start = async (): Promise<void> => {
		const started = spawn('redis-server', args, { stdio: 'ignore' });
		child = started;
		await once(started, 'spawn');
		await untilReady(port, started);
	};

	const kill = async (): Promise<void> => {
		const running = child;
		child = undefined;
		if (running === undefined || running.exitCode !== null) return;
		const gone = once(running, 'exit');
		running.kill('SIGKILL');
		await gone;
	};

	const dispose = async (): Promise<void> => {
		await kill();
		rmSync(folder, { recursive: true, force: true });
	};

	await start();
	return { url: `redis://127.0.0.1:${port}`, kill, start, dispose };
};
