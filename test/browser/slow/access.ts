import type { Page } from 'playwright-core';

/** A control as those get it who do not see the page. */
export type Control = { readonly role: string; readonly name: string; readonly disabled: boolean };

const CONTROLS = ['button', 'link', 'spinbutton', 'slider', 'combobox', 'textbox', 'checkbox', 'radio', 'menuitem'];

type AxValue = { readonly value?: unknown };
type AxNode = {
	readonly ignored: boolean;
	readonly role?: AxValue;
	readonly name?: AxValue;
	readonly properties?: readonly { readonly name: string; readonly value: AxValue }[];
};

/** All nodes of the accessibility tree that are in it, as their roles and names. */
const treeOf = async (page: Page): Promise<readonly Control[]> => {
	const session = await page.context().newCDPSession(page);
	const { nodes } = (await session.send('Accessibility.getFullAXTree')) as { nodes: readonly AxNode[] };
	await session.detach();
	return nodes
		.filter(({ ignored }) => !ignored)
		.map(({ role, name, properties = [] }) => ({
			role: String(role?.value ?? ''),
			name: String(name?.value ?? ''),
			disabled: properties.some((property) => property.name === 'disabled' && property.value.value === true),
		}));
};

/** Everything that can be used. */
export const controlsOf = async (page: Page): Promise<readonly Control[]> =>
	(await treeOf(page)).filter(({ role }) => CONTROLS.includes(role));

/** What has the focus: its label, or its text. */
const focused = (page: Page): Promise<string> =>
	page.evaluate(() => {
		const element = document.activeElement;
		if (element === null || element === document.body) return '';
		const labels = element instanceof HTMLInputElement || element instanceof HTMLSelectElement ? element.labels : null;
		return (element.ariaLabel ?? labels?.[0]?.firstChild?.textContent ?? element.textContent ?? '').trim();
	});

/** More than the page has to go through. */
const MOST_TABS = 120;

/** Presses Tab (backwards: with Shift) until what has the focus is called that. Throws where nothing on the way is. */
export const focusOn = async (page: Page, name: string, backwards = false): Promise<void> => {
	const passed: string[] = [];
	for (let i = 0; i < MOST_TABS; i++) {
		await page.keyboard.press(backwards ? 'Shift+Tab' : 'Tab');
		const now = await focused(page);
		if (now === name) return;
		passed.push(now);
	}
	throw new Error(`Tab does not reach '${name}': ${passed.join(', ')}`);
};

/** Every name that Tab comes by, once around the page. */
export const tabStops = async (page: Page): Promise<ReadonlySet<string>> => {
	const names: string[] = [];
	for (let i = 0; i < MOST_TABS; i++) {
		await page.keyboard.press('Tab');
		const name = await focused(page);
		if (name !== '' && name === names.find((other) => other !== '')) break;
		names.push(name);
	}
	return new Set(names);
};

/** The width of the window, and that of what is in it. */
export const widthsOf = (page: Page): Promise<{ readonly window: number; readonly content: number }> =>
	page.evaluate(() => ({ window: innerWidth, content: document.documentElement.scrollWidth }));
