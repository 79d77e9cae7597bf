/**
 * A process that judges one case after the other as it is told to. Time is that of all its threads on the processor, which does not
 * grow when other programs run beside it; a thread that has nothing else to do ends the process when a case takes too much of it.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type CaseName, readCase } from './cases.ts';
import { judge } from './judge.ts';
import { OUT_OF_TIME } from './signal.ts';

const POLLED_EVERY_MS = 500;
const cpuSeconds = (): number => {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1e6;
};

if (isMainThread) {
	const watch = new Worker(new URL(import.meta.url), { workerData: { seconds: Number(process.argv[2]) } });
	process.on('message', async ({ case_, simulate }: { readonly case_: CaseName; readonly simulate: boolean }) => {
		const start = cpuSeconds();
		watch.postMessage(start);
		const judgement = await judge(readCase(case_), simulate);
		process.send?.({ ...judgement, seconds: Number((cpuSeconds() - start).toFixed(2)) });
	});
} else {
	let start = Number.POSITIVE_INFINITY;
	parentPort?.on('message', (now: number) => {
		start = now;
	});
	setInterval(() => {
		if (cpuSeconds() - start > workerData.seconds) process.kill(process.pid, OUT_OF_TIME);
	}, POLLED_EVERY_MS);
}
