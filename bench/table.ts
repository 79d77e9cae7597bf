/** What the benchmarks print: Markdown tables, what they were measured on, and the sections of documents that show them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Where sections are, in the order in which they are looked for. */
const DOCUMENTS = ['README.md', 'docs/benchmarks.md', 'docs/operators.md', 'examples/README.md'].map(
	(path) => new URL(`../${path}`, import.meta.url),
);
const RESULTS = new URL('results/', import.meta.url);

/** A Markdown table; all columns but the first are numbers, to the right. Columns with nothing in them are left out. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
	const kept = head.map((_, k) => k === 0 || rows.length === 0 || rows.some((cells) => cells[k] !== ''));
	const line = (cells: readonly string[]): string => `| ${cells.filter((_, k) => kept[k]).join(' | ')} |`;
	return [line(head), line(head.map((_, k) => (k === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
};

/** 7.3 ms, 168 ms, 4.2 s. */
export const duration = (ms: number): string => {
	if (ms >= 1000) return `${(ms / 1000).toFixed(ms < 1e4 ? 1 : 0)} s`;
	return `${ms.toFixed(ms < 1 ? 3 : ms < 10 ? 1 : 0)} ms`;
};

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** 4.2x, or nothing where there is nothing to compare. */
export const factor = (ratio: number): string =>
	Number.isFinite(ratio) ? `${ratio.toFixed(ratio < 10 ? 1 : 0)}x` : '';

/** The processor, its cores, and what runs on it. */
export const machine = (): string => {
	const cores = cpus();
	const model = (cores[0]?.model ?? '').trim() || 'an unknown processor';
	const { dependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
	const versions = `Node ${process.versions.node}, node-seal ${dependencies['node-seal']}`;
	return `${model}, ${cores.length} cores, ${process.platform} ${process.arch}, ${versions}`;
};

/** The text with new content between the marks of one section; undefined where it has no such marks. */
export const withSection = (text: string, name: string, content: string): string | undefined => {
	const [open, close] = [`<!-- bench ${name} -->\n`, `<!-- end of bench ${name} -->`];
	const [start, end] = [text.indexOf(open), text.indexOf(close)];
	if (start < 0 || end < start) return undefined;
	return `${text.slice(0, start + open.length)}\n${content.trim()}\n\n${text.slice(end)}`;
};

/** Writes a section of the document that has its marks. Throws an Error where none has. */
const writeSection = (name: string, content: string): void => {
	for (const document of DOCUMENTS.filter(existsSync)) {
		const text = withSection(readFileSync(document, 'utf8'), name, content);
		if (text === undefined) continue;
		writeFileSync(document, text);
		return;
	}
	throw new Error(`no document has a section "<!-- bench ${name} -->" with its end`);
};

/** Prints what was found; with `write`, also puts it into its section of the README or of docs/benchmarks.md, and the figure beside it. */
export const publish = (name: string, markdown: string, write: boolean, svg?: string): void => {
	console.log(markdown);
	if (!write) return;
	writeSection(name, markdown);
	if (svg === undefined) return;
	mkdirSync(RESULTS, { recursive: true });
	writeFileSync(new URL(`${name}.svg`, RESULTS), svg);
};
