import type { MaskingPrice } from '../../compiler/masking.ts';
import type { Report } from '../../compiler/report.ts';
import { formatNumber, formatTime } from '../output.ts';

/** A difference without its sign, in words. */
type Difference = readonly [size: number, text: (size: number) => string];

const counted =
	(one: string, many = `${one}s`) =>
	(count: number): string =>
		`${formatNumber(count)} ${count === 1 ? one : many}`;

const differences = (price: MaskingPrice): readonly Difference[] => [
	[price.levels, counted('level')],
	[price.plainProducts, counted('plaintext product')],
	[price.rotations, counted('rotation')],
	[price.keys, counted('key')],
	[price.milliseconds, formatTime],
	[price.modulus, counted('bit of modulus', 'bits of modulus')],
];

/** "1 level and 3 rotations more; 1 key less"; precision that is lost, last. */
const priceText = (price: MaskingPrice): string => {
	const those = (sign: number): string =>
		differences(price)
			.filter(([size]) => Math.sign(size) === sign)
			.map(([size, text]) => text(Math.abs(size)))
			.join(', ');
	const [more, less] = [those(1), those(-1)];
	return [
		...(more === '' ? [] : [`${more} more`]),
		...(less === '' ? [] : [`${less} less`]),
		...(price.bits === 0
			? []
			: [`${formatNumber(Math.abs(price.bits))} bits of precision ${price.bits > 0 ? 'less' : 'more'}`]),
	].join('; ');
};

/** Is anything but the outputs in what the key owner decrypts, and what does it cost that there is nothing? */
export const maskingText = ({ masking, parameters }: Report): string => {
	const { on, outputs, price } = masking;
	const left = outputs.reduce((sum, { how, leftovers }) => (how === 'left' ? sum + leftovers : sum), 0);
	if (!on) return left === 0 ? 'off, and nothing is left over' : `off: up to ${left} slots hold partial sums`;
	if (price === undefined) return 'on';
	if (price.free) return 'on, free';
	const ring = price.ringDegree === parameters.ringDegree ? '' : `; without it, N = ${price.ringDegree} may do`;
	return `on: ${priceText(price) || 'as much of everything, otherwise packed'}${ring}`;
};
