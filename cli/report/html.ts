import { formatNumber } from '../output.ts';

const escapes: Readonly<Record<string, string>> = {
	'&': '&amp;',
	'<': '&lt;',
	'>': '&gt;',
	'"': '&quot;',
	"'": '&#39;',
};

/** Text for elements and attributes; everything that may come from a model goes through here. */
export const escapeHtml = (value: string | number): string =>
	(typeof value === 'number' ? formatNumber(value) : value)
		.replace(/[&<>"']/g, (character) => escapes[character] ?? '')
		.replace(/[^\P{Cc}\n\t]/gu, '\ufffd');

/** At most `length` characters. */
export const shortened = (text: string, length: number): string =>
	text.length > length ? `${text.slice(0, length - 1)}…` : text;

type Row = readonly (string | number)[];

/** A table that scrolls by itself where the page is narrower, columns of numbers to the right; marked rows stand out. */
export const htmlTable = (
	head: readonly string[],
	rows: readonly Row[],
	isMarked: (row: number) => boolean = () => false,
): string => {
	const columns = Math.max(head.length, ...rows.map((row) => row.length));
	const kinds = Array.from({ length: columns }, (_, column) =>
		rows.every((row) => typeof row[column] === 'number') ? ' class="number"' : '',
	);
	const cells = (tag: 'td' | 'th', row: Row): string =>
		row.map((cell, column) => `<${tag}${kinds[column]}>${unbroken(escapeHtml(cell))}</${tag}>`).join('');
	const header = head.length === 0 ? '' : `<thead><tr>${cells('th', head)}</tr></thead>`;
	const body = rows.map((row, i) => `<tr${isMarked(i) ? ' class="marked"' : ''}>${cells('td', row)}</tr>`).join('\n');
	return `<div class="scroll"><table>${header}<tbody>${body}</tbody></table></div>`;
};

/** A number and its unit stay together. */
const unbroken = (cell: string): string => cell.replace(/^([\d.]+) (\w+)$/, '$1\u00a0$2');

/** A heading and what is below it; nothing when nothing is. */
export const section = (title: string, content: string): string =>
	content === '' ? '' : `<section id="${anchor(title)}"><h2>${escapeHtml(title)}</h2>${content}</section>`;

const anchor = (title: string): string => title.toLowerCase().replace(/[^a-z0-9]+/g, '-');

/** Links to the sections of a page. */
export const contents = (sections: string): string =>
	`<nav>${Array.from(sections.matchAll(/<section id="([^"]*)"><h2>([^<]*)<\/h2>/g), ([, id, title]) => `<a href="#${id}">${title}</a>`).join(' ')}</nav>`;

/** Coordinates with a tenth of a pixel. */
export const px = (length: number): string => String(Number(length.toFixed(1)));
