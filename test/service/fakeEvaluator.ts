/** A process that talks as an evaluator does and behaves as the build and the job are called. */
import { existsSync, writeFileSync } from 'node:fs';
import type { Order, Report } from '../../runtime/service/evaluatorProtocol.ts';

const tell = (report: Report): void => void process.send?.(report, undefined, {}, () => {});
const stop = (): void => void process.kill(process.pid, 'SIGSTOP');

const end = (): void => void process.kill(process.pid, 'SIGKILL');

const spin = (): never => {
	for (;;);
};

const start = (build: string): void => {
	if (build === 'ends') end();
	else if (build === 'stops') stop();
	else if (build === 'refuses')
		tell({ kind: 'refused', refusal: { code: 'program', message: 'a broken program', hint: undefined } });
	else tell({ kind: 'ready', backend: 'kernel' });
};

/** Signs of life, with progress or without, for so many milliseconds. */
const live = (call: number, milliseconds: number, progresses: boolean, end: () => void): void => {
	let done = 0;
	const beat = setInterval(() => {
		done += progresses ? 1 : 0;
		tell({ kind: 'alive' });
		tell({ kind: 'progress', call, progress: { stage: 'evaluate', done, total: 1000 } });
	}, 50);
	setTimeout(() => {
		clearInterval(beat);
		end();
	}, milliseconds);
};

const answer = (call: number): void => tell({ kind: 'done', call, output: 'the output', loaded: [] });

/** A job that is called `once` stops the first process that has it, by the mark that its owner names. */
const evaluate = (call: number, id: string, mark: string): void => {
	if (id === 'stops') stop();
	else if (id === 'spins') spin();
	else if (id === 'dies') end();
	else if (id === 'idles') live(call, 600_000, false, () => {});
	else if (id === 'is slow') live(call, 2500, true, () => answer(call));
	else if (id === 'once' && !existsSync(mark)) {
		writeFileSync(mark, '');
		stop();
	} else answer(call);
};

process.on('message', (order: Order) => {
	if (order.kind === 'start') start(order.setup.build);
	else if (order.kind === 'evaluate') evaluate(order.call, order.job.id, order.job.owner);
});
process.on('disconnect', end);
