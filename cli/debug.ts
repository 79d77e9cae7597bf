import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CompileContext } from '../compiler/options.ts';
import { makeFolder } from './folder.ts';

export type Observe = NonNullable<CompileContext['observe']>;

/** HE_DEBUG=1..4 and HE_DUMP=folder, as CONTRIBUTING.md lists them; undefined when neither is set. */
export const debugObserver = (): Observe | undefined => {
	const level = Number(process.env.HE_DEBUG ?? 0);
	const folder = process.env.HE_DUMP;
	if (!(level >= 1) && !folder) return undefined;
	if (folder) makeFolder(folder);
	let position = 0;
	return ({ pass, milliseconds, text }) => {
		const number = String(position++).padStart(2, '0');
		if (folder) writeFileSync(join(folder, `${number}-${pass}.txt`), `${text()}\n`);
		if (!(level >= 1)) return;
		const lines = level >= 2 ? text().split('\n') : [];
		const size = level >= 2 ? `  ${lines.length} lines` : '';
		const shown = level >= 4 ? lines : level >= 3 ? lines.slice(0, 20) : [];
		process.stderr.write(`${number} ${pass.padEnd(24)} ${milliseconds.toFixed(1).padStart(9)} ms${size}\n`);
		for (const line of shown) process.stderr.write(`     ${line}\n`);
	};
};
