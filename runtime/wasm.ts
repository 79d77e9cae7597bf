/** Reading wasm files: `fetch` knows no files in Node, and there is no node:fs in a browser. */

/** Are there files of Node here? */
export const inNode = (): boolean => globalThis.process?.versions?.node !== undefined;

/** The address of a file that the caller of the library says. */
export const locatedFile = (locateFile: (path: string) => string, file: string): URL =>
	new URL(locateFile(file), globalThis.location?.href ?? import.meta.url);

/** The bytes at an address. Throws an Error where there are none. */
export const readWasm = async (url: URL): Promise<Uint8Array<ArrayBuffer>> => {
	if (inNode() && url.protocol === 'file:')
		return new Uint8Array(await globalThis.process.getBuiltinModule('node:fs/promises').readFile(url));
	const response = await fetch(url);
	if (!response.ok) throw new Error(`status ${response.status}`);
	return new Uint8Array(await response.arrayBuffer());
};
