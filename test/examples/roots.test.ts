import { test } from 'uvu';
import { checkExample, roots } from './support.ts';

/** What is before the root, the factor of its operand, and eight levels of its polynomial. */
const levels: Readonly<Record<string, number>> = { distance: 10, roberts: 11 };

for (const name of roots)
	test(`${name} is within a thousandth of plain JavaScript, encrypted at 128 bits`, () =>
		checkExample(name, levels[name] ?? 0));

test.run();
