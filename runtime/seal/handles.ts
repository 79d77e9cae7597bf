/**
 * Objects of SEAL live in the wasm heap until `delete` is called on them; no collector does it. This file is the only one
 * that calls it: whoever owns a handle passes it to `release`, borrows it in `using` or keeps it in a `Handles`.
 */
export type Handle = { delete(): void };

export const release = (handle: Handle): void => handle.delete();

/** use(handle); the handle is gone afterwards, however that ends. */
export const using = <H extends Handle, T>(handle: H, use: (handle: H) => T): T => {
	try {
		return use(handle);
	} finally {
		handle.delete();
	}
};

/** handle, filled by `fill`; released when filling fails. */
export const filled = <H extends Handle>(handle: H, fill: (handle: H) => void): H => {
	try {
		fill(handle);
		return handle;
	} catch (error) {
		handle.delete();
		throw error;
	}
};

/** Handles with one lifetime, released together, last first. */
export class Handles {
	readonly #handles: Handle[] = [];

	keep<H extends Handle>(handle: H): H {
		this.#handles.push(handle);
		return handle;
	}

	release(): void {
		for (const handle of this.#handles.splice(0).reverse()) handle.delete();
	}
}
