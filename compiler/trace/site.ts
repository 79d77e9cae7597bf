/** A place in a source file. */
export type CallSite = { readonly file: string; readonly line: number };

/** The files of tracing: what they call is on behalf of whoever called them. */
const OWN = new URL('.', import.meta.url).href;

/** 'at name (file:line:column)' or 'at file:line:column'. */
const FRAME = /^\s*at (?:.*\()?(.+?):(\d+):\d+\)?$/;

/**
 * The innermost place outside of this folder that the present call comes from; undefined where the stack does not say.
 * Cost: one stack, some microseconds.
 */
export const callerSite = (): CallSite | undefined => {
	for (const text of (new Error().stack ?? '').split('\n')) {
		const [, file, line] = FRAME.exec(text) ?? [];
		if (file === undefined || file.startsWith(OWN) || file.startsWith('node:')) continue;
		return { file: pathOf(file), line: Number(line) };
	}
	return undefined;
};

/** The path of a file URL; other names as they are. */
const pathOf = (file: string): string => {
	if (!file.startsWith('file://')) return file;
	const { pathname } = new URL(file);
	try {
		return decodeURIComponent(pathname);
	} catch {
		return pathname;
	}
};

/** file:line, the file without its folders: the same on every machine. */
export const shortSite = ({ file, line }: CallSite): string => `${file.split(/[\\/]/).at(-1)}:${line}`;
