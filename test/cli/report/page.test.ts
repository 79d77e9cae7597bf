import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { notPromised } from '../../../cli/audit/parties.ts';
import { formatNumber } from '../../../cli/output.ts';
import { percent } from '../../../cli/report/accuracy.ts';
import { exposureOf, type ShownReport } from '../../../cli/report/exposure.ts';
import { layerGraph } from '../../../cli/report/graph.ts';
import { escapeHtml } from '../../../cli/report/html.ts';
import { maskingText } from '../../../cli/report/masking.ts';
import { consideredRows, costRows, keyRows, layerRows } from '../../../cli/report/tables.ts';
import { wordsOf } from '../../../cli/report/words.ts';
import { reportHtml } from '../../../cli/reportHtml.ts';
import { inspectionText, summaryRows } from '../../../cli/summary.ts';
import { compile } from '../../../compiler/index.ts';
import type { MaskingPrice } from '../../../compiler/masking.ts';
import type { Considered } from '../../../compiler/packing/considered.ts';
import type { LayerReport } from '../../../compiler/report/layers.ts';
import type { Report } from '../../../compiler/report.ts';
import { floats, model } from '../../compile/models.ts';
import { node } from '../../support/onnx.ts';

/** x - dense - square - dense, with a branch around the two: a residual network with names that must be escaped. */
const compiled = compile(
	model(
		[
			node('Gemm', ['x', 'w', 'b'], ['h'], { name: '<script>&first"' }),
			node('Mul', ['h', 'h'], ['s'], { name: 'square' }),
			node('Gemm', ['s', 'v', 'b'], ['g'], { name: 'second' }),
			node('Mul', ['g', 'h'], ['p'], { name: 'both' }),
			node('Mul', ['p', 'p'], ['<b>y</b>'], { name: 'end' }),
		],
		{ x: [1, 4] },
		['<b>y</b>'],
		{ w: floats([4, 4], 1), v: floats([4, 4], 2), b: floats([4], 3) },
	),
);
const { report } = compiled;
const page = reportHtml(report, compiled.stages.solution.circuit);
const indexOf = (origin: string): number => report.layers.findIndex((layer) => layer.origin === origin);

const found = (text: string, pattern: RegExp): readonly string[] =>
	Array.from(text.matchAll(pattern), ([, name]) => name ?? '');

test('every layer of the network is in the report once, with what it reads', () => {
	const origins = report.layers.map(({ origin }) => origin);
	assert.equal(origins.slice(0, 6), ['x', '<script>&first"', 'square', 'second', 'both', 'end']);
	// What is done to an output at the end, a relinearisation say, counts as a layer.
	assert.equal(origins.slice(6), ['output <b>y</b>']);
	const reads = (origin: string): readonly string[] =>
		(report.layers[indexOf(origin)]?.reads ?? []).map(({ layer }) => report.layers[layer]?.origin ?? '').sort();
	assert.equal(reads('x'), []);
	assert.equal(reads('square'), ['<script>&first"']);
	assert.equal(reads('both'), ['<script>&first"', 'second']);
	assert.equal(
		report.layers.flatMap(({ outputs }) => outputs),
		['<b>y</b>'],
	);
});

test('the level of a layer is the highest that a reader takes it at', () => {
	// The sigmoid is read at once by the second dense layer, and far lower by the sum.
	const { layers } = compile(
		model(
			[
				node('Gemm', ['x', 'w', 'b'], ['h'], { name: 'first' }),
				node('Sigmoid', ['h'], ['a'], { name: 'sigmoid' }),
				node('Gemm', ['a', 'v', 'b'], ['g'], { name: 'second' }),
				node('Mul', ['g', 'g'], ['q'], { name: 'square' }),
				node('Add', ['q', 'a'], ['s'], { name: 'sum' }),
				node('Mul', ['s', 's'], ['y'], { name: 'end' }),
			],
			{ x: [1, 4] },
			['y'],
			{ w: floats([4, 4], 1), v: floats([4, 4], 2), b: floats([4], 3) },
		),
	).report;
	const level = (origin: string): number => layers.find((layer) => layer.origin === origin)?.level ?? -1;
	for (const [index, { reads }] of layers.entries())
		for (const { layer } of reads)
			assert.ok((layers[layer]?.level ?? -1) >= (layers[index]?.level ?? 99), `${layers[index]?.origin}`);
	assert.ok(level('sigmoid') >= level('second') && level('second') > level('sum'));
});

test('the operations of the layers are those of the circuit', () => {
	const total = (field: (layer: LayerReport) => number): number =>
		report.layers.reduce((sum, layer) => sum + field(layer), 0);
	assert.is(
		total(({ rotations }) => rotations),
		report.counts.rotations,
	);
	assert.is(
		total(({ relinearizations }) => relinearizations),
		report.counts.relinearizations,
	);
	assert.is(
		total(({ rescales }) => rescales),
		report.counts.rescales,
	);
	assert.is(
		total(({ operations }) => operations.reduce((sum, { count }) => sum + count, 0)),
		compiled.stages.solution.circuit.ops.length,
	);
});

test('the graph draws each layer once and a link for everything that is read', () => {
	const graph = layerGraph(report.layers);
	assert.equal(
		found(graph, /data-layer="(\d+)"/g),
		report.layers.map((_, layer) => String(layer)),
	);
	const expected = [
		...report.layers.flatMap(({ reads }, to) => reads.map(({ layer }) => `${layer} ${to}`)),
		`${report.layers.findIndex(({ outputs }) => outputs.length > 0)} ${report.layers.length}`,
	];
	const links = Array.from(graph.matchAll(/data-from="(\d+)" data-to="(\d+)"/g), ([, from, to]) => `${from} ${to}`);
	assert.equal(links, expected);
});

test('links begin and end at the boxes of their layers', () => {
	const graph = layerGraph(report.layers);
	const frames = Array.from(
		graph.matchAll(/<rect class="frame" x="([-\d.]+)" y="([-\d.]+)" width="(\d+)" height="(\d+)"/g),
		(match) => match.slice(1).map(Number),
	);
	assert.is(frames.length, report.layers.length);
	const paths = graph.matchAll(
		/data-from="(\d+)" data-to="(\d+)"><path class="link" d="M([-\d.]+) ([-\d.]+)[^"]* ([-\d.]+)"/g,
	);
	for (const [, from, to, startX, startY, endY] of paths) {
		const [x = 0, y = 0, width = 0, height = 0] = frames[Number(from)] ?? [];
		assert.ok(Math.abs(Number(startX) - (x + width / 2)) < 0.2 && Math.abs(Number(startY) - (y + height)) < 0.2);
		const target = frames[Number(to)];
		if (target !== undefined) assert.ok(Math.abs(Number(endY) - (target[1] as number)) < 0.2);
	}
});

test('a click on a box leads to the details of its layer, and every layer has its slots drawn', () => {
	const ids = found(page, /id="(layer-\d+)"/g);
	assert.equal(found(page, /href="#(layer-\d+)"/g), ids);
	assert.is(ids.length, report.layers.length);
	assert.is(found(page, /(<figure class="slots">)/g).length, report.layers.length);
});

test('the contents lead to every section, and six numbers come first', () => {
	const sections = found(page, /<section id="([^"]*)"/g);
	assert.ok(sections.length > 5 && new Set(sections).size === sections.length, sections.join());
	assert.equal(found(/<nav>(.*)<\/nav>/.exec(page)?.[1] ?? '', /href="#([^"]*)"/g), sections);
	const answers = found(/<dl class="cards">(.*)<\/dl>/.exec(page)?.[1] ?? '', /<b>([^<]*)<\/b>/g);
	assert.is(answers.length, 6);
	assert.ok(answers.includes(`${report.parameters.securityBits} bits`));
});

test('no name becomes markup, and the page needs nothing but itself', () => {
	const text = page.replaceAll(/src="data:image\/png;base64,[\w+/=]*"/g, '');
	assert.not.match(text, /<script|<b>y|src=|https?:|url\(|undefined|NaN/);
	assert.match(text, /&lt;script&gt;&amp;first&quot;/);
	for (const tag of ['svg', 'g', 'a', 'div', 'details', 'table', 'figure', 'section'])
		assert.is(
			found(text, new RegExp(`(<${tag}[ >])`, 'g')).length,
			found(text, new RegExp(`(</${tag}>)`, 'g')).length,
			tag,
		);
});

test('a small circuit is drawn operation by operation, a large one is not', () => {
	const { circuit } = compiled.stages.solution;
	assert.equal(
		found(page, /data-op="(\d+)"/g),
		circuit.ops.map((_, id) => String(id)),
	);
	const many = Array.from({ length: 301 }, () => circuit.ops[0] as (typeof circuit.ops)[number]);
	assert.not.match(reportHtml(report, { ...circuit, ops: many }), /data-op=/);
	assert.not.match(reportHtml(report), /data-op=/);
});

const exposed: ShownReport = { ...report, exposure: exposureOf(compiled.program) };

test('who sees what, what tables grant and what is not promised are on the page, as audit says it', () => {
	const text = reportHtml(exposed);
	const { parties, tables } = exposureOf(compiled.program);
	assert.equal(
		parties.map(({ party }) => party),
		['client', 'server', 'wire'],
	);
	for (const { sees, never } of parties)
		for (const line of [...sees, never.join(', ')]) assert.ok(text.includes(escapeHtml(line)), line);
	for (const line of notPromised) assert.ok(text.includes(escapeHtml(line)), line);
	const own = tables.filter(({ security }) => security === report.parameters.securityBits);
	assert.is(own.length, 4);
	const margins = found(
		text,
		/<td>(?:classical|quantum)<\/td><td class="number">[^<]*<\/td><td class="number">([^<]*)</g,
	);
	assert.equal(
		margins,
		own.map(({ margin }) => formatNumber(margin ?? Number.NaN)),
	);
	assert.not.match(text.replaceAll(/src="data:[^"]*"/g, ''), /<script|<b>y|src=|https?:|undefined|NaN/);
	assert.not.match(page, /Who sees what/);
});

test('output masking is told with its price, in the terminal as on the page', () => {
	const price = compiled.maskingPrice();
	assert.ok(price !== undefined);
	const priced = { ...exposed, masking: { ...report.masking, price: price as MaskingPrice } };
	const told = maskingText(priced);
	assert.match(told, /^on[,:] /);
	assert.is(new Map(summaryRows(priced)).get('output masking'), told);
	assert.ok(reportHtml(priced).includes(`nothing but its elements, is ${told}.`));
});

test('the words of the graph are explained, kernels where they occur', () => {
	const words = wordsOf(report.layers);
	for (const word of ['slot', 'level', 'scale', 'rot', 'leftovers', 'multiply'])
		assert.ok(words.includes(`<dt>${word}</dt>`), word);
	assert.not.match(words, /<dt>scalar products/);
});

test('one ciphertext goes without saying, more are told beside the link', () => {
	const ways = report.layers.map((layer) => ({
		...layer,
		reads: layer.reads.map((read) => ({ ...read, ciphertexts: layer.origin === 'square' ? 18 : 1 })),
	}));
	assert.equal(found(layerGraph(ways), />(\d+ ct)</g), ['18 ct']);
});

test('what many levels are for is folded, what decides the ring degree is not', () => {
	const level = (l: number): string => `31 bits at level ${l} for the products of x.`;
	const text = [
		'N = 32768: 500 of the 868 bits.',
		...Array.from({ length: 9 }, (_, l) => level(9 - l)),
		'N = 16384 does not do.',
	];
	const why = { ...report.parameters.why, text };
	const deep = reportHtml({ ...report, parameters: { ...report.parameters, why } });
	const [, lines = '', folded = ''] =
		/<ul>(.*?)<\/ul><details><summary>what each of 9 levels is for<\/summary><ul>(.*?)<\/ul>/.exec(deep) ?? [];
	assert.equal(found(lines, /<li>([^<]*)</g), [text[0], text.at(-1)]);
	assert.equal(found(folded, /<li>([^<]*)</g), text.slice(1, -1));
});

test('percentages have three digits, and what is not all is not told as all', () => {
	assert.equal([0.9997, 1, 0.99399, 0.0995612, 0.000581664, 0.5].map(percent), [
		'99.97 %',
		'100 %',
		'99.4 %',
		'9.96 %',
		'0.0582 %',
		'50 %',
	]);
});

const way: Considered = {
	family: 'hybrid',
	layoutText: '4 elements in 1 ciphertext',
	rotations: 3,
	products: 4,
	keys: 2,
	cost: 12.34,
	chosen: false,
};
const withWays: Report = {
	...report,
	layers: report.layers.map((layer) =>
		layer.origin === 'second'
			? {
					...layer,
					considered: [
						{ ...way, node: 3, chosen: true },
						{ ...way, node: 3, family: 'diagonals <7>', rotations: 5, cost: 20 },
					],
				}
			: { ...layer, considered: [] },
	),
};

test('inspect prints what was chosen for a layer and the runners-up with their costs', () => {
	const text = inspectionText(withWays);
	const [, ways = ''] = text.split('Kernels and layouts that were compared');
	assert.match(ways, /second: /);
	assert.match(ways, /> +hybrid +3 +4 +2 +12\.3 +4 elements/);
	assert.match(ways, /\n +diagonals <7> +5 +4 +2 +20 +4 elements/);
	assert.not.match(ways, /square/);
	assert.equal(
		consideredRows(withWays.layers[indexOf('second')] as LayerReport).map(([mark]) => mark),
		['>', ''],
	);
});

test('the page lists what was compared, the chosen one marked', () => {
	const text = reportHtml(withWays);
	assert.match(text, /<tr class="marked"><td>&gt;<\/td><td>hybrid<\/td>/);
	assert.match(text, /<tr><td><\/td><td>diagonals &lt;7&gt;<\/td>/);
});

test('the reasons for the parameters are told on the page and in the terminal', () => {
	const lines = report.parameters.why.text;
	assert.ok(
		lines.some((line) => line.includes('<script>&first"') || line.includes('square')),
		lines.join('\n'),
	);
	assert.is(found(page, /(<li>)/g).length, lines.length);
	for (const line of lines) assert.ok(inspectionText(report).includes(line), line);
});

const measured: Report['measured'] = {
	...{ setUpMs: 10, keygenMs: 20, loadKeysMs: 30, encryptMs: 4, firstEvaluateMs: 500, decryptMs: 1 },
	...{ evaluateMs: 3 * report.predicted.evaluateMs, evaluateCpuMs: 1.5 * report.predicted.evaluateMs },
	layers: [{ origin: 'square', milliseconds: 77.5 }],
	...{
		peakBytes: null,
		keyBytes: report.keys.bytes,
		uploadBytes: 5,
		downloadBytes: 6,
		encryptionError: 0.001,
		bits: 12,
	},
};

test('what was measured stands beside what was predicted, also for each layer', () => {
	const withMeasured: Report = { ...report, measured };
	const rows = new Map(costRows(withMeasured).map(([name, ...values]) => [name, values]));
	assert.is(rows.get('evaluation')?.at(-1), '3.00');
	assert.is(rows.get('evaluation, CPU time')?.at(-1), '1.50');
	assert.is(rows.get('keys as sent')?.at(-1), '1.00');
	assert.equal(rows.get('peak memory of the server')?.slice(1), ['-', '-']);
	assert.is(layerRows(withMeasured)[indexOf('square')]?.at(-1), 77.5);
	assert.match(reportHtml(withMeasured), /<th>measured \/ predicted<\/th>/);
	assert.not.match(page, /measured \//);
	assert.equal([...new Set(costRows(report).map(({ length }) => length))], [2]);
});

test('the precision that encryption leaves is told where polynomials leave less', () => {
	const precisionOf = (bits: number, encryptionBits: number): unknown =>
		new Map(summaryRows({ ...report, predicted: { ...report.predicted, bits, encryptionBits } })).get(
			'predicted precision',
		);
	assert.is(precisionOf(10.5, 10.5), '10.5 bits');
	assert.is(precisionOf(4.75, 10.5), '4.75 bits, 10.5 without the error of polynomials');
});

test('every key is listed with the layers that need it', () => {
	const rows = keyRows(report);
	assert.is(rows.length, report.keys.count);
	for (const [, , , users] of rows) assert.ok(users !== '', 'a key that no layer uses');
	const relinearized = report.layers.filter(({ relinearizations }) => relinearizations > 0);
	assert.is(rows[0]?.at(-1), relinearized.map(({ origin }) => origin).join(', '));
});

test('the objectives are compared in a table with the row of the program marked', () => {
	const text = reportHtml({ ...report, tradeoffs: compiled.tradeoffs() });
	assert.equal(found(text, /<tr class="marked"><td>&gt;<\/td><td>(\w+)<\/td>/g).slice(0, 1), ['latency']);
	for (const objective of ['throughput', 'upload', 'keys', 'memory'])
		assert.match(text, new RegExp(`<tr><td></td><td>${objective}</td>`));
	assert.not.match(page, /throughput/);
});

test.run();
