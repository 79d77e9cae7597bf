import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeFiles } from '../../../cli/buildDir.ts';
import { writeBuild } from '../../../compiler/index.ts';
import { modelOf } from '../../remote/model.ts';
import { startChromium } from '../../support/chromium.ts';
import { bundlePages, type Pages, serveFor } from './otherOrigin.ts';

/** Pages without a bundler that use `onnx-seal serve` on another origin: what `--cors` allows, and what browsers make of the rest. */
const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-origins-'));
const [build, tokens] = [join(folder, 'build'), join(folder, 'tokens')];
const TOKEN = 'token-of-a-page-0123456789';
const model = modelOf('breast-cancer-logistic');
writeFiles(build, writeBuild(model.compiled));
writeFileSync(tokens, `page ${TOKEN}\n`);

const openPages = bundlePages(join(folder, 'web'));
const [allowed, other] = [await openPages(), await openPages()];
const browser = await startChromium();
const service = await serveFor(build, join(folder, 'data'), tokens, allowed.origin);

type Answer = {
	readonly values?: readonly number[];
	readonly name?: string;
	readonly code?: string;
	readonly message?: string;
};

type Asked = { readonly url?: string; readonly token?: string; readonly stopAt?: string };

/** Asks from a new page, and gives the answer, and what was sent with which methods. */
const ask = async ({ origin }: Pages, { url = service.url, token = TOKEN, stopAt = '' }: Asked = {}) => {
	const page = await browser.newPage();
	const sent: string[] = [];
	page.on('request', (request) => sent.push(`${request.method()} ${request.url()}`));
	await page.goto(origin);
	await page.waitForFunction('globalThis.ask');
	const features = [...(model.sampleOf(0).get('features') ?? [])];
	const answer: Answer = await page.evaluate(`ask(${JSON.stringify({ url, token, features, stopAt })})`);
	await page.close();
	return { answer, sent };
};

/** Does the answer have the values of the clear model? */
const isRight = ({ values = [] }: Answer): boolean => {
	const data = Float64Array.from(values);
	return model.errorOf({ outputs: new Map([['probability', { raw: { data } }]]) }, 0) <= 1;
};

const codeOf = ({ answer: { name, code } }: { readonly answer: Answer }): unknown => [name, code];

test('a policy without the service stops the page before anything is sent', async () => {
	assert.equal(codeOf(await ask(allowed)), ['RemoteError', 'network']);
	for (const pages of [allowed, other]) pages.allow(service.url);
});

test('a page of the origin that --cors names encrypts, asks with its token, and decrypts', async () => {
	const { answer, sent } = await ask(allowed);
	assert.ok(isRight(answer), JSON.stringify(answer));
	const kinds = sent.filter((line) => line.includes(service.url)).map((line) => line.replace(/ .*\/v1\//, ' '));
	for (const kind of [/^GET model$/, /^GET model\/client$/, /^PUT keys\/\w+\/parts\/0$/, /^POST evaluations$/])
		assert.ok(kinds.some((line) => kind.test(line)), `${kind} in ${kinds.join(', ')}`); // biome-ignore format: one thought
	assert.equal(sent.filter((line) => line.includes(TOKEN)), []); // biome-ignore format: one thought
});

test('refusals reach it with their code', async () => {
	assert.equal(codeOf(await ask(allowed, { token: 'token-that-nobody-gave-012345' })), ['RemoteError', 'unauthorized']);
	assert.equal(codeOf(await ask(allowed, { url: `${service.url}/elsewhere` })), ['RemoteError', 'not-found']);
});

test('what it stops is stopped, while keys are sent and while an input is, and the service is told', async () => {
	for (const stopAt of ['send keys', 'send']) {
		const asked = await ask(allowed, { stopAt });
		assert.equal(codeOf(asked), ['RefusedError', 'aborted'], stopAt);
		assert.is(
			asked.sent.filter((line) => /^DELETE .*\/v1\/evaluations\//.test(line)).length,
			stopAt === 'send' ? 1 : 0,
		);
	}
	assert.ok(isRight((await ask(allowed)).answer));
});

test('a page of another origin gets no answer', async () => {
	assert.equal(codeOf(await ask(other)), ['RemoteError', 'network']);
});

test('the service ends when it is asked to', async () => {
	await browser.close();
	for (const pages of [allowed, other]) pages.close();
	assert.is(await service.stop(), 0);
	rmSync(folder, { recursive: true });
});

test.run();
