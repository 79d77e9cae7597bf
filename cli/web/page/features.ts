import type { Example, Range } from '../samples.ts';
import { find, make } from './dom.ts';

/** The ten measurements of a nucleus, each three times: over all nuclei of a picture. */
const MEASURES = [
	...['radius', 'texture', 'perimeter', 'area', 'smoothness'],
	...['compactness', 'concavity', 'concave points', 'symmetry', 'fractal dimension'],
];
const GROUPS = ['Mean', 'Standard error', 'Worst'];
/** Of a slider. */
const STEPS = 500;

type Feature = {
	readonly name: string;
	/** One of GROUPS. */
	readonly group: string;
	readonly range: Range;
};

/** A number field and a slider that say the same. */
const featureField = ({
	name,
	group,
	range: [low, high],
}: Feature): { readonly row: Node; readonly input: HTMLInputElement } => {
	const limits = { min: String(low), max: String(high) };
	// The same measurement is there in each group.
	const ariaLabel = `${name}, ${group.toLowerCase()}`;
	const input = make('input', { type: 'number', step: 'any', required: true, ariaLabel, ...limits });
	const slider = make('input', {
		type: 'range',
		ariaLabel: `${ariaLabel}, slider`,
		step: String((high - low) / STEPS),
		...limits,
	});
	input.addEventListener('input', () => {
		slider.value = input.value;
	});
	slider.addEventListener('input', () => {
		input.value = String(Number(Number(slider.value).toPrecision(4)));
	});
	return {
		row: make('div', { className: 'feature' }, make('label', {}, make('span', {}, name), input), slider),
		input,
	};
};

/** The form of a patient. Gives the 30 values, undefined where one of them is missing or outside of its range. */
export const addFeatures = (
	patients: readonly Example[],
	ranges: readonly Range[],
	onChange: () => void,
): (() => Float64Array | undefined) => {
	const fields = ranges.map((range, i) =>
		featureField({
			name: MEASURES[i % MEASURES.length] ?? '',
			group: GROUPS[Math.floor(i / MEASURES.length)] ?? '',
			range,
		}),
	);
	GROUPS.forEach((group, g) => {
		const rows = fields.slice(g * MEASURES.length, (g + 1) * MEASURES.length).map(({ row }) => row);
		const details = make('details', { open: g === 0 }, make('summary', {}, group), ...rows);
		find(HTMLElement, '#inputs').append(details);
	});
	const select = find(HTMLSelectElement, '#patients');
	const choose = (): void => {
		fields.forEach(({ input }, i) => {
			input.value = String(patients[select.selectedIndex]?.values[i] ?? '');
			input.dispatchEvent(new Event('input'));
		});
	};
	patients.forEach(({ label }, i) => {
		select.append(make('option', {}, `Patient ${i + 1}, ${label === 1 ? 'benign' : 'malignant'} by biopsy`));
	});
	select.addEventListener('change', choose);
	const form = find(HTMLFormElement, '#features');
	form.addEventListener('submit', (event) => event.preventDefault());
	form.addEventListener('input', onChange);
	select.addEventListener('change', onChange);
	choose();
	return () =>
		fields.every(({ input }) => input.checkValidity())
			? Float64Array.from(fields, ({ input }) => input.valueAsNumber)
			: undefined;
};
