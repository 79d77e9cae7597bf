import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compileModels, demoSamples } from '../../../cli/web/models.ts';
import { keySlots } from '../../../runtime/sizes.ts';
import { controlsOf, focusOn, tabStops, widthsOf } from './access.ts';
import { lastSample, openDemo, openPage, secretsOf, violationsOf } from './demo.ts';
import type { Recorded } from './recorder.ts';
import { keySetOf, needlesOf, replay, seedOf } from './secrets.ts';

/**
 * The demo as it is, in Chromium: what it answers, what it sends, what its policy stops, and who can use it. With UPDATE_GOLDEN it writes
 * the picture of the README.
 */
const demo = await openDemo();
const { recorder } = demo;
const programs = compileModels();
const { patients } = demoSamples();
const [digits, cells] = [await openPage(demo), await openPage(demo)];

type Service = 'digits' | 'cells';

/** Waits until the status says something of that, and gives it. */
const untilStatus = async (page: Page, service: Service, what: RegExp): Promise<string> => {
	const status = page.locator(`#${service} [data-part="status"]`).filter({ hasText: what });
	return (await status.textContent()) ?? '';
};

const KEYS_MADE = /Keys are made|did not work/;
const ANSWERED = /Done|did not work/;

/** What the program computes of a sample in the clear. */
const clearOf = (service: Service, values: Float64Array): readonly number[] => {
	const { program, clear } = programs[service];
	const [name = ''] = program.client.inputs.map(({ name }) => name);
	return [...([...clear(new Map([[name, values]])).values()][0]?.data ?? [])];
};

/** What an answer may be off by. */
const errorOf = (service: Service): number => programs[service].program.client.outputs[0]?.predictedError ?? 0;

const draw = async (page: Page, ...points: readonly (readonly [x: number, y: number])[]): Promise<void> => {
	const box = await page.locator('#paper').boundingBox();
	if (box === null) throw new Error('there is no paper');
	for (const [i, [x, y]] of points.entries()) {
		await page.mouse.move(box.x + box.width * x, box.y + box.height * y, { steps: 8 });
		if (i === 0) await page.mouse.down();
	}
	await page.mouse.up();
};

/** What the way to the service says when it is to fail. */
const closed = { status: 403, message: 'closed for the night' };
const isEvaluation = ({ path }: Recorded): boolean => path.endsWith('/v1/evaluations');

/** The picture of the README. */
const takePicture = async (page: Page): Promise<void> => {
	const before = page.viewportSize();
	await page.setViewportSize({ width: 1000, height: 900 });
	await page.locator('#digits .seen').evaluate((seen) => seen.scrollTo(0, 0));
	await page.screenshot({ path: join(import.meta.dirname, '..', '..', '..', 'docs', 'demo.png') });
	if (before !== null) await page.setViewportSize(before);
};

/** What a page has kept for later: entries of its stores, and cookies. */
const stored = async () => ({
	local: localStorage.length,
	session: sessionStorage.length,
	databases: (await indexedDB.databases()).length,
	caches: (await caches.keys()).length,
	cookies: document.cookie,
});
const NOTHING = { local: 0, session: 0, databases: 0, caches: 0, cookies: '' };

/** Sends a text, or bytes. */
const post = async ({ path, body }: { readonly path: string; readonly body: string | readonly number[] }) => {
	await fetch(path, { method: 'POST', body: typeof body === 'string' ? body : Uint8Array.from(body) });
};

test('keys that could not be sent are made again, and an example of a seven is one, with the keyboard alone', async () => {
	const { page } = digits;
	recorder.guard(({ method }) => (method === 'PUT' ? closed : undefined));
	await focusOn(page, 'Example: a 7');
	await page.keyboard.press('Enter');
	await focusOn(page, 'Make keys');
	await page.keyboard.press('Enter');
	assert.is(await untilStatus(page, 'digits', KEYS_MADE), 'It did not work: closed for the night');
	recorder.guard();
	await page.keyboard.press('Enter');
	assert.match(await untilStatus(page, 'digits', /Keys are made/), 'Now ask it');
	await page.keyboard.press('Enter');
	assert.match(await untilStatus(page, 'digits', ANSWERED), 'Done');
	assert.is(await page.textContent('#digit'), '7');
});

test('a drawn seven is a seven, and its scores are those of the clear model', async () => {
	const { page } = digits;
	await page.click('#clear');
	await draw(page, [0.25, 0.2], [0.7, 0.21], [0.42, 0.85]);
	await page.click('#digits [data-part="run"]');
	assert.match(await untilStatus(page, 'digits', ANSWERED), 'Done');
	assert.is(await page.textContent('#digit'), '7');
	const scores = (await page.locator('#digits .bar .value').allTextContents()).map(Number);
	const expected = clearOf('digits', await lastSample(page));
	assert.is(scores.length, 10);
	// They are shown with two decimals.
	const most = errorOf('digits') + 0.005;
	scores.forEach((score, i) => {
		assert.ok(Math.abs(score - (expected[i] ?? Number.NaN)) <= most, `${i}: ${score} for ${expected[i]}`);
	});
	assert.is(expected.indexOf(Math.max(...expected)), 7);
	if (process.env.UPDATE_GOLDEN === '1') await takePicture(page);
});

test('with the keyboard alone: two patients have the probabilities of the clear model', async () => {
	const { page } = cells;
	await focusOn(page, 'Cells of a tumour');
	await page.keyboard.press('Enter');
	await focusOn(page, 'Make keys');
	await page.keyboard.press('Enter');
	assert.match(await untilStatus(page, 'cells', KEYS_MADE), 'Keys are made');
	const seen: number[] = [];
	for (const [patient, downs] of [
		[0, 0],
		[3, 3],
	] as const) {
		if (downs > 0) await focusOn(page, 'Example', true);
		for (let i = 0; i < downs; i++) await page.keyboard.press('ArrowDown');
		await focusOn(page, 'Encrypt and ask');
		await page.keyboard.press('Space');
		assert.match(await untilStatus(page, 'cells', ANSWERED), 'Done');
		const shown = Number(await page.getAttribute('#probability', 'value'));
		const sample = await lastSample(page);
		assert.equal([...sample], patients[patient]?.values);
		const [expected = Number.NaN] = clearOf('cells', sample);
		assert.ok(Math.abs(shown - expected) <= errorOf('cells'), `${shown} for ${expected}`);
		seen.push(shown);
	}
	assert.ok((seen[0] ?? 1) < 0.5 && (seen[1] ?? 0) > 0.5, `${seen}`);
});

test('no request has anything of the secret keys, and none leaves the origin', async () => {
	const secrets = {
		digits: await secretsOf(digits.page),
		cells: await secretsOf(cells.page),
	};
	// What is looked for is what the keys are made of: from the same draws a client makes the same key.
	for (const service of ['digits', 'cells'] as const) {
		const { exported, draws } = secrets[service];
		assert.ok(Buffer.from(exported).equals(await replay(programs[service].program.client, draws)), service);
	}
	const needles = needlesOf([
		{ ...secrets.digits, program: programs.digits.program.client },
		{ ...secrets.cells, program: programs.cells.program.client },
	]);
	for (const service of ['digits', 'cells'] as const) {
		const parts = keySlots(programs[service].program.client.keys).length;
		const keys = `/${service}/v1/keys/${keySetOf(secrets[service].exported).toString('hex')}/parts/`;
		assert.is(recorder.requests.filter(({ path, body }) => path.startsWith(keys) && body.length > 0).length, parts);
	}
	assert.is(recorder.requests.filter((asked) => isEvaluation(asked) && asked.body.length > 0).length, 4);
	for (const { method, path, head, body } of recorder.requests)
		assert.equal([needles.find(body), needles.find(Buffer.from(head))], [undefined, undefined], `${method} ${path}`);

	for (const { page, asked } of [digits, cells]) {
		assert.equal([...new Set(asked.map((url) => `${new URL(url).origin}/`))], [recorder.url]);
		// Only the worker asks for these.
		for (const file of ['seal_throws.wasm', 'kernel.wasm']) assert.ok(asked.includes(recorder.url + file), file);
		assert.equal(await page.evaluate(stored), NOTHING);
	}

	// The search can fail: what a page or a worker sends is seen, and a part of a key in it is found.
	const part = [...secrets.cells.exported.subarray(50_000, 50_200)];
	const [worker] = cells.page.workers();
	await cells.page.evaluate(post, {
		path: '/control/page',
		body: JSON.stringify(Buffer.from(part).toString('base64')),
	});
	await worker?.evaluate(post, { path: '/control/worker', body: part });
	await worker?.evaluate(post, {
		path: '/control/seed',
		body: [...seedOf(secrets.cells)],
	});
	const controls = recorder.requests.filter(({ path }) => path.startsWith('/control/'));
	assert.equal(
		controls.map(({ path, body }) => [path, needles.find(body)]),
		[
			['/control/page', 'secret key, residues of 8 bytes'],
			['/control/worker', 'secret key, residues of 8 bytes'],
			['/control/seed', 'what the key was drawn from'],
		],
	);
});

/** What the page may load and do: nothing else. */
const POLICY = {
	...{ 'default-src': "'none'", 'script-src': "'self' 'wasm-unsafe-eval'", 'style-src': "'self'", 'img-src': "'self'" },
	...{ 'connect-src': "'self'", 'worker-src': "'self'", 'base-uri': "'none'", 'form-action': "'none'" },
	'frame-ancestors': "'none'",
};

const directivesOf = (policy: string): Readonly<Record<string, string>> =>
	Object.fromEntries(policy.split(';').map((directive) => directive.trim().split(/ (.*)/).slice(0, 2)));

/** What a policy without 'unsafe-eval' stops, tried where the debugger's leave does not reach. */
const EVAL = `new Promise((done) => setTimeout(() => {
	try { done(eval('"ran"')); } catch (error) { done(error.name); }
}))`;
const INLINE = `(() => {
	const script = document.createElement('script');
	script.textContent = 'globalThis.ran = true';
	document.body.append(script);
	const paragraph = document.createElement('p');
	paragraph.setAttribute('style', 'position: fixed');
	document.body.append(paragraph);
	return [globalThis.ran, getComputedStyle(paragraph).position];
})()`;
const ELSEWHERE = "fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)";

test('the policy is strict, the page keeps to it, and what offends against it is stopped', async () => {
	for (const path of ['', 'page.js', 'worker.js', 'samples.json']) {
		const { headers } = await fetch(recorder.url + path);
		assert.equal(directivesOf(headers.get('content-security-policy') ?? ''), POLICY, path);
		assert.is(headers.get('x-content-type-options'), 'nosniff');
	}
	for (const { page, errors } of [digits, cells]) assert.equal([await violationsOf(page), errors], [[], []]);

	const { page } = await openPage(demo);
	assert.is(await page.evaluate(EVAL), 'EvalError');
	assert.equal(await page.evaluate(INLINE), [undefined, 'static']);
	assert.is(await page.evaluate(ELSEWHERE), 'TypeError');
	assert.equal([...(await violationsOf(page))].sort(), [
		'connect-src',
		'script-src',
		'script-src-elem',
		'style-src-attr',
	]);
	await page.close();
	const [worker] = cells.page.workers();
	assert.is(await worker?.evaluate(EVAL), 'EvalError');
	assert.is(await worker?.evaluate(ELSEWHERE), 'TypeError');
});

test('every control has a name of its own, and what happens is announced', async () => {
	for (const { page } of [digits, cells]) {
		await page.locator('details').evaluateAll((all) => {
			for (const details of all) if (details instanceof HTMLDetailsElement) details.open = true;
		});
		const controls = await controlsOf(page);
		const names = controls.map(({ name }) => name);
		const there = await page.locator('a, button, input, select').filter({ visible: true }).count();
		assert.is(controls.length, there);
		assert.equal(names.filter((name, i) => name === '' || names.indexOf(name) !== i), []); // biome-ignore format: one thought
		const stops = await tabStops(page);
		assert.equal(controls.filter(({ name, disabled }) => !disabled && !stops.has(name)), []); // biome-ignore format: one thought
		const status = page.locator('[data-part="status"]').filter({ visible: true });
		assert.equal([await status.getAttribute('role'), await status.getAttribute('aria-live')], ['status', 'polite']);
		const answer = page.locator('[data-part="answer"]').filter({ visible: true });
		assert.is(await answer.getAttribute('aria-live'), 'polite');
	}
	assert.is((await controlsOf(cells.page)).filter(({ role }) => role === 'slider').length, 30);
});

test('with 360 pixels nothing is wider than the window', async () => {
	for (const { page } of [digits, cells]) {
		const before = page.viewportSize();
		await page.setViewportSize({ width: 360, height: 740 });
		assert.equal(await widthsOf(page), { window: 360, content: 360 });
		if (before !== null) await page.setViewportSize(before);
	}
});

test('what fails or is overtaken says so, leaves no answer, and works the next time', async () => {
	const { page } = cells;
	const run = page.locator('#cells [data-part="run"]');
	const answers = page.locator('#cells [data-part="answer"] > *');
	recorder.guard((asked) => (isEvaluation(asked) ? closed : undefined));
	await run.click();
	assert.is(await untilStatus(page, 'cells', /did not work/), 'It did not work: closed for the night');
	assert.is(await answers.count(), 0);

	// It is changed while the server computes.
	const arrived = Promise.withResolvers<void>();
	const released = Promise.withResolvers<undefined>();
	recorder.guard((asked) => {
		if (!isEvaluation(asked)) return undefined;
		arrived.resolve();
		return released.promise;
	});
	await run.click();
	await arrived.promise;
	await page.selectOption('#patients', { index: 1 });
	released.resolve(undefined);
	assert.is(await untilStatus(page, 'cells', /meanwhile/), 'You changed it meanwhile: ask again.');
	assert.is(await answers.count(), 0);

	recorder.guard();
	await run.click();
	assert.match(await untilStatus(page, 'cells', ANSWERED), 'Done');
	assert.ok((await answers.count()) > 0);
	await page.fill('#inputs input[type="number"] >> nth=0', '1e9');
	assert.is(await answers.count(), 0);
	const { length } = recorder.requests;
	await run.click();
	assert.match(await untilStatus(page, 'cells', /missing/), 'outside the range');
	assert.is(recorder.requests.length, length);
});

test('an interrupt ends the demo, and nothing that it stored is left', async () => {
	assert.equal(await demo.stop(), { code: 0, left: [] });
});

test.run();
