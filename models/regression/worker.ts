/** A process that measures the point it is told, and ends. */
import { measure } from './measure.ts';
import { points } from './points.ts';
import type { Task } from './pool.ts';

process.once('message', async ({ name, encrypted }: Task) => {
	const point = points.find((one) => one.name === name);
	if (point === undefined) throw new Error(`There is no point "${name}".`);
	const start = performance.now();
	const measurement = await measure(point, encrypted, (step) => {
		process.stderr.write(`${name}: ${step} (${((performance.now() - start) / 1000).toFixed(0)} s)\n`);
	});
	process.send?.(measurement, () => process.disconnect());
});
