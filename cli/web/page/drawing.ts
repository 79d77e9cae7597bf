import type { Example } from '../samples.ts';
import { digitOf, type Point, SIDE, type Stroke } from './digit.ts';
import { find, make } from './dom.ts';

/** A finger that does not leave the paper draws no more than so many points. */
const MOST_POINTS = 5000;
const PEN = 18;

const contextOf = (canvas: HTMLCanvasElement): CanvasRenderingContext2D => {
	const context = canvas.getContext('2d');
	if (context === null) throw new Error('this browser draws nothing');
	return context;
};

const showPixels = (canvas: HTMLCanvasElement, pixels: ArrayLike<number>): void => {
	const image = new ImageData(SIDE, SIDE);
	for (let i = 0; i < SIDE * SIDE; i++)
		image.data.set([...Array(3).fill(Math.round(255 * (pixels[i] ?? 0))), 255], 4 * i);
	contextOf(canvas).putImageData(image, 0, 0);
};

const showStrokes = (canvas: HTMLCanvasElement, strokes: readonly Stroke[]): void => {
	const context = contextOf(canvas);
	context.fillStyle = '#000';
	context.fillRect(0, 0, canvas.width, canvas.height);
	Object.assign(context, { strokeStyle: '#fff', lineWidth: PEN, lineCap: 'round', lineJoin: 'round' });
	for (const stroke of strokes) {
		context.beginPath();
		for (const { x, y } of [stroke[0] as Point, ...stroke]) context.lineTo(x, y);
		context.stroke();
	}
};

/** A paper to draw a digit on, and examples to choose instead. Gives the digit that is there now, 28x28 values. */
export const addDrawing = (examples: readonly Example[], onChange: () => void): (() => Float64Array | undefined) => {
	const [paper, picture] = [find(HTMLCanvasElement, '#paper'), find(HTMLCanvasElement, '#picture')];
	let strokes: Point[][] = [];
	let digit: Float64Array | undefined;

	const show = (): void => {
		showStrokes(paper, strokes);
		showPixels(picture, digit ?? []);
		onChange();
	};
	const placeOf = ({ clientX, clientY }: PointerEvent): Point => {
		const { left, top, width, height } = paper.getBoundingClientRect();
		return { x: ((clientX - left) * paper.width) / width, y: ((clientY - top) * paper.height) / height };
	};
	const draw = (event: PointerEvent): void => {
		if (strokes.flat().length >= MOST_POINTS) return;
		const events = event.getCoalescedEvents();
		strokes.at(-1)?.push(...(events.length === 0 ? [event] : events).map(placeOf));
		digit = digitOf(strokes);
		show();
	};
	paper.addEventListener('pointerdown', (event) => {
		// A second finger would draw into the first one's stroke.
		if (!event.isPrimary || event.button !== 0) return;
		paper.setPointerCapture(event.pointerId);
		strokes.push([placeOf(event)]);
		draw(event);
	});
	paper.addEventListener('pointermove', (event) => {
		if (paper.hasPointerCapture(event.pointerId)) draw(event);
	});
	const start = (given: Float64Array | undefined): void => {
		strokes = [];
		digit = given;
		show();
		if (given === undefined) return;
		contextOf(paper).imageSmoothingEnabled = false;
		contextOf(paper).drawImage(picture, 0, 0, paper.width, paper.height);
	};
	find(HTMLElement, '#clear').addEventListener('click', () => start(undefined));
	for (const { label, values } of examples) {
		const button = make('button', { type: 'button', ariaLabel: `Example: a ${label}` }, String(label));
		button.addEventListener('click', () => start(Float64Array.from(values)));
		find(HTMLElement, '#examples').append(button);
	}
	start(undefined);
	return () => digit;
};
