import { parseArgs } from 'node:util';
import { type Demo, startDemo } from './app.ts';

/** `npm run demo:web [-- --port p]`: serves the demo until it is interrupted. */
const portOf = (text: string): number => {
	const port = Number(text);
	if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`--port ${text}: it is a whole number up to 65535`);
	return port;
};

const start = (): Promise<Demo> => {
	const { values } = parseArgs({ options: { port: { type: 'string', default: '8090' } } });
	const port = portOf(values.port);
	console.log('Compiling two models ...');
	return startDemo({ port });
};

try {
	const { url, close } = await start();
	for (const signal of ['SIGINT', 'SIGTERM'] as const)
		process.once(signal, () => void close().then(() => process.exit(0)));
	console.log(`${url} has the demo. Ctrl-C ends it, and removes the keys and ciphertexts that it stored.`);
} catch (error) {
	console.error(error instanceof Error ? error.message : String(error));
	process.exitCode = 1;
}
