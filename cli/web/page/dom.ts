/** The element that a selector names. Throws where the page has none of that kind. */
export const find = <E extends Element>(kind: new () => E, selector: string, within: ParentNode = document): E => {
	const found = within.querySelector(selector);
	if (!(found instanceof kind)) throw new Error(`the page has no ${selector}`);
	return found;
};

/** An element with text or elements in it. */
export const make = <T extends keyof HTMLElementTagNameMap>(
	tag: T,
	properties: Partial<HTMLElementTagNameMap[T]>,
	...inside: (Node | string)[]
): HTMLElementTagNameMap[T] => {
	const element = Object.assign(document.createElement(tag), properties);
	element.append(...inside);
	return element;
};

/** 1234567 -> "1.2 MB". */
export const formatBytes = (bytes: number): string =>
	bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** 1234 -> "1.23 s". */
export const formatTime = (milliseconds: number): string =>
	milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
