import type { Result } from '../../../runtime/browser/index.ts';
import type { DemoSamples } from '../samples.ts';
import { find, make } from './dom.ts';
import { addDrawing } from './drawing.ts';
import { addFeatures } from './features.ts';
import { addService } from './service.ts';

/** The values of the only output. */
const valuesOf = ({ outputs }: Result): readonly number[] => [...([...outputs.values()][0]?.data ?? [])];

const bar = (name: string, value: number, text: string, best: boolean): HTMLElement =>
	make(
		'div',
		{ className: best ? 'bar best' : 'bar' },
		make('span', {}, name),
		make('meter', { min: 0, max: 1, value, ariaLabel: `${name}: ${text}` }),
		make('span', { className: 'value' }, text),
	);

const warningsOf = ({ warnings }: Result): Node[] => warnings.map((text) => make('p', { className: 'warning' }, text));

const showDigit = (result: Result): readonly Node[] => {
	const scores = valuesOf(result);
	const [least, most] = [Math.min(...scores), Math.max(...scores)];
	const best = scores.indexOf(most);
	const share = (score: number): number => (most === least ? 0 : (score - least) / (most - least));
	return [
		make('p', { className: 'big' }, 'It is a ', make('data', { id: 'digit', value: String(best) }, String(best))),
		...scores.map((score, i) => bar(String(i), share(score), score.toFixed(2), i === best)),
		...warningsOf(result),
	];
};

const showPatient = (result: Result): readonly Node[] => {
	const benign = valuesOf(result)[0] ?? Number.NaN;
	const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
	return [
		make(
			'p',
			{ className: 'big' },
			make('data', { id: 'probability', value: String(benign) }, percent(benign)),
			' benign',
		),
		bar('benign', benign, percent(benign), benign >= 0.5),
		bar('malignant', 1 - benign, percent(1 - benign), benign < 0.5),
		...warningsOf(result),
	];
};

const EXAMPLES = ['digits', 'cells'];

const showExample = (): void => {
	const chosen = EXAMPLES.find((name) => `#${name}` === location.hash) ?? 'digits';
	for (const name of EXAMPLES) {
		find(HTMLElement, `section#${name}`).hidden = name !== chosen;
		const link = find(HTMLAnchorElement, `nav a[href="#${name}"]`);
		if (name === chosen) link.setAttribute('aria-current', 'page');
		else link.removeAttribute('aria-current');
	}
};

const samples = (await (await fetch('samples.json')).json()) as DemoSamples;
const forgetDigit = addService({
	name: 'digits',
	sample: () => {
		const image = digit();
		return image === undefined ? undefined : { image };
	},
	missing: 'Draw a digit first, or choose an example.',
	show: showDigit,
});
const digit = addDrawing(samples.digits, forgetDigit);
const forgetPatient = addService({
	name: 'cells',
	sample: () => {
		const values = features();
		return values === undefined ? undefined : { features: values };
	},
	missing: 'A value is missing, or outside the range of its slider.',
	show: showPatient,
});
const features = addFeatures(samples.patients, samples.ranges, forgetPatient);
addEventListener('hashchange', showExample);
showExample();
