import { main } from '../../cli/main.ts';

export type Ended = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** Runs one command line in this process, as `cli/bin.js` does in one of its own, with what it prints caught. */
export const start = async (...args: readonly string[]): Promise<Ended> => {
	const streams = { stdout: process.stdout, stderr: process.stderr };
	const printed = { stdout: '', stderr: '' };
	const before = { stdout: streams.stdout.write, stderr: streams.stderr.write };
	for (const name of ['stdout', 'stderr'] as const)
		streams[name].write = (chunk: Uint8Array | string): boolean => {
			printed[name] += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
			return true;
		};
	try {
		await main(['node', 'onnx-seal', ...args]);
		return { status: Number(process.exitCode ?? 0), ...printed };
	} finally {
		process.exitCode = 0;
		for (const name of ['stdout', 'stderr'] as const) streams[name].write = before[name];
	}
};
