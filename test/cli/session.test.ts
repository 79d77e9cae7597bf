import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { noteConstants } from '../../cli/session.ts';
import { compile } from '../../compiler/index.ts';
import { tiny } from '../compile/models.ts';

test('that constants do not fit is told only where the program counts on keeping them', () => {
	const { server } = compile(tiny()).program;
	for (const keepConstants of [true, false])
		for (const cachesConstants of [true, false]) {
			const notes: string[] = [];
			noteConstants(
				{ program: { ...server, keepConstants }, cachesConstants },
				{ note: (line) => void notes.push(line) },
			);
			assert.is(notes.length, keepConstants && !cachesConstants ? 1 : 0, `${keepConstants} ${cachesConstants}`);
		}
});

test.run();
