/**
 * A client in a process of its own. Obeys orders that come as lines of JSON on stdin, in their order, and answers each with a line on stdout;
 * ends with stdin.
 */
import { createInterface } from 'node:readline';
import { type Client, connect, type Remote } from '../../runtime/remote/index.ts';
import type { ClientAnswer, ClientOrder } from './client.ts';
import { memoryOf } from './serve.ts';

let remote: Remote<Client> | undefined;

const peakBytes = (): number => memoryOf(process.pid, 'VmHWM');

const obey = async (order: ClientOrder): Promise<Pick<ClientAnswer, 'outputs' | 'halfBytes'>> => {
	if (order.kind === 'connect') {
		remote = await connect(order.url, { token: order.token, sendKeys: false });
		return {};
	}
	if (remote === undefined) throw new Error('connect comes first');
	if (order.kind === 'keys') {
		let halfBytes = 0;
		await remote.sendKeys({
			onProgress: ({ stage, done, total }) => {
				if (stage === 'send keys' && 2 * done >= total) halfBytes ||= peakBytes();
			},
		});
		return { halfBytes };
	}
	const { outputs } = await remote.infer(new Map(order.sample.map(([name, data]) => [name, Float64Array.from(data)])));
	return { outputs: [...outputs].map(([name, { raw }]) => [name, [...raw.data]]) };
};

for await (const line of createInterface({ input: process.stdin })) {
	const start = performance.now();
	const done = await obey(JSON.parse(line));
	const answer: ClientAnswer = { ...done, ms: performance.now() - start, peakBytes: peakBytes() };
	console.log(JSON.stringify(answer));
}
await remote?.close();
