import type { Result, Sample } from '../../../runtime/browser/index.ts';
import type { Seen } from '../seen.ts';
import { find, formatBytes, formatTime, make } from './dom.ts';
import { Session } from './session.ts';

/** Where a service is on the page. */
export type ServiceParts = {
	/** Of the service, and of its place on the page. */
	readonly name: string;
	/** What is to be encrypted now; undefined where there is nothing. */
	readonly sample: () => Sample | undefined;
	/** What it says where there is nothing. */
	readonly missing: string;
	readonly show: (result: Result) => readonly Node[];
};

const kindOf = ({ way, path }: Seen): string =>
	way === 'sent' ? 'encrypted answer' : path.includes('/v1/keys/') ? 'evaluation key' : 'encrypted input';

/** "a1b2c3..." as "a1 b2 c3 ...". */
const spaced = (hex: string): string => hex.replace(/../g, '$& ').trim();

const seenItem = (seen: Seen): HTMLElement =>
	make(
		'li',
		{ className: seen.way },
		make('strong', {}, `${seen.way === 'sent' ? 'Sent' : 'Received'}: ${kindOf(seen)}`),
		` ${formatBytes(seen.bytes)}`,
		make('span', { className: 'hex' }, make('small', {}, 'SHA-256 '), make('code', {}, seen.sha256)),
		make('span', { className: 'hex' }, make('small', {}, 'begins '), make('code', {}, `${spaced(seen.first)} ...`)),
	);

const summaryOf = (all: readonly Seen[]): string => {
	const sum = (kind: string): string => {
		const bodies = all.filter((seen) => kindOf(seen) === kind);
		return `${bodies.length} of "${kind}" (${formatBytes(bodies.reduce((total, { bytes }) => total + bytes, 0))})`;
	};
	return `All bytes of yours that the server had: ${['evaluation key', 'encrypted input', 'encrypted answer'].map(sum).join(', ')}. None of them can decrypt anything.`;
};

/**
 * Puts a service on the page: its buttons, progress, answer, times and what its server saw. Gives what is to be called when there is
 * another sample: the answer was not about that.
 */
export const addService = ({ name, sample, missing, show }: ServiceParts): (() => void) => {
	const place = find(HTMLElement, `[data-service="${name}"]`);
	place.append(find(HTMLTemplateElement, '#service').content.cloneNode(true));
	const part = (which: string): HTMLElement => find(HTMLElement, `[data-part="${which}"]`, place);
	const [keys, run] = [
		find(HTMLButtonElement, '[data-part="keys"]', place),
		find(HTMLButtonElement, '[data-part="run"]', place),
	];
	const bar = find(HTMLProgressElement, 'progress', place);
	const rows = new Map<string, HTMLElement>();
	const all: Seen[] = [];

	const says = (text: string): void => {
		if (part('status').textContent !== text) part('status').textContent = text;
	};
	const progress = (share: number | undefined): void => {
		if (share === undefined) bar.removeAttribute('value');
		else bar.value = share;
	};
	const took = ({ step, milliseconds }: { readonly step: string; readonly milliseconds: number }): void => {
		const row = make('tr', {}, make('th', { scope: 'row' }, step), make('td', {}, formatTime(milliseconds)));
		const old = rows.get(step);
		if (old === undefined) part('times').append(row);
		else old.replaceWith(row);
		rows.set(step, row);
	};
	const saw = (bodies: readonly Seen[]): void => {
		all.push(...bodies);
		part('seen').prepend(...bodies.map(seenItem).reverse());
		part('summary').textContent = summaryOf(all);
	};
	let changes = 0;
	const forget = (): void => {
		changes++;
		part('answer').replaceChildren();
	};
	const session = new Session(name, { says, progress, took, saw });

	/** Does one thing at a time, and tells what went wrong. */
	const busy = async (work: () => Promise<string>): Promise<void> => {
		const ready = !run.disabled;
		const focused = place.contains(document.activeElement);
		keys.disabled = true;
		run.disabled = true;
		try {
			says(await work());
			run.disabled = false;
		} catch (error) {
			says(`It did not work: ${error instanceof Error ? error.message : String(error)}`);
			run.disabled = !ready;
			keys.disabled = ready;
		}
		progress(0);
		// A button that was disabled has lost the focus.
		if (focused && document.activeElement === document.body) (run.disabled ? keys : run).focus();
	};
	keys.addEventListener('click', () =>
		busy(async () => {
			await session.makeKeys();
			return 'Keys are made, and the server has those for evaluation. Now ask it.';
		}),
	);
	run.addEventListener('click', () =>
		busy(async () => {
			const given = sample();
			if (given === undefined) return missing;
			forget();
			const asked = changes;
			const result = await session.infer(given);
			if (asked !== changes) return 'You changed it meanwhile: ask again.';
			part('answer').replaceChildren(...show(result));
			return 'Done: only this page could read the answer.';
		}),
	);
	return forget;
};
