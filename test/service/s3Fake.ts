import { createHash, createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What goes wrong with an answer. */
export type Fault = 'error' | 'denied' | 'stall' | 'truncate' | 'wrong' | 'reset' | 'late-error' | 'deaf';

export type S3Request = { readonly method: string; readonly key: string; readonly query: URLSearchParams };

/** S3 in memory: one bucket, signed requests only, and answers that fail as a test wants. */
export const credentials = { accessKeyId: 'MARKERKEYID', secretAccessKey: 'marker-secret-of-the-store' };
const BUCKET = 'keys';
const REGION = 'eu-test-1';
const PAGE = 2;

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The signature of a request by version 4 of AWS, from what arrived. */
const signatureOf = (request: IncomingMessage, url: URL, names: string, date: string): string => {
	const query = [...url.searchParams]
		.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
		.sort()
		.join('&');
	const headers = names.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
	const payload = String(request.headers['x-amz-content-sha256']);
	const canonical = [request.method, url.pathname, query, headers.join(''), names, payload].join('\n');
	const scope = `${date.slice(0, 8)}/${REGION}/s3/aws4_request`;
	const key = ['aws4_request', 's3', REGION, date.slice(0, 8)].reduceRight<string | Buffer>(
		(made, text) => hmac(made, text),
		`AWS4${credentials.secretAccessKey}`,
	);
	return hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
};

/** Is it signed by who may, and is what it says of its body true? */
const isSigned = (request: IncomingMessage, url: URL, body: Buffer): boolean => {
	const [, id, names = '', signature] =
		/^AWS4-HMAC-SHA256 Credential=([^/]+)\/\S+, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
			request.headers.authorization ?? '',
		) ?? [];
	const date = String(request.headers['x-amz-date']);
	const payload = request.headers['x-amz-content-sha256'];
	if (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha256(body)) return false;
	return id === credentials.accessKeyId && signature === signatureOf(request, url, names, date);
};

const xml = (response: ServerResponse, status: number, text: string): ServerResponse =>
	response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${text}`);
const refuse = (response: ServerResponse, status: number, code: string): ServerResponse =>
	xml(response, status, `<Error><Code>${code}</Code><Message>marker-text-of-the-store</Message></Error>`);

type Stored = { readonly bytes: Buffer; modified: number };

/** Starts one on a port of its own. `fault` is asked before each request is obeyed. */
export const startS3 = async (fault: { next: (request: S3Request) => Fault | undefined }) => {
	const objects = new Map<string, Stored>();
	const uploads = new Map<string, Map<number, Buffer>>();
	const requests: string[] = [];

	const get = (response: ServerResponse, key: string, wrong: Fault | undefined): unknown => {
		const found = objects.get(key);
		if (found === undefined) return refuse(response, 404, 'NoSuchKey');
		const bytes = Buffer.from(found.bytes);
		if (wrong === 'wrong') bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
		response.writeHead(200, { 'content-length': bytes.length, 'content-type': 'application/octet-stream' });
		if (wrong === 'truncate') response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
		else if (wrong === 'stall') response.write(bytes.subarray(0, bytes.length >> 1));
		else response.end(bytes);
	};

	const list = (response: ServerResponse, query: URLSearchParams): void => {
		const names = [...objects.keys()].sort().filter((key) => key.startsWith(query.get('prefix') ?? ''));
		const start = Number(query.get('continuation-token') ?? 0);
		const page = names.slice(start, start + PAGE);
		const more = start + PAGE < names.length;
		const rows = page.map((key) => {
			const { bytes, modified } = objects.get(key) ?? { bytes: [], modified: 0 };
			const time = new Date(modified).toISOString();
			return `<Contents><Key>${key}</Key><Size>${bytes.length}</Size><LastModified>${time}</LastModified></Contents>`;
		});
		const next = more ? `<NextContinuationToken>${start + PAGE}</NextContinuationToken>` : '';
		xml(
			response,
			200,
			`<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${rows.join('')}</ListBucketResult>`,
		);
	};

	const put = (response: ServerResponse, key: string, query: URLSearchParams, bytes: Buffer): void => {
		const id = query.get('uploadId');
		if (id === null) objects.set(key, { bytes, modified: Date.now() });
		else uploads.get(id)?.set(Number(query.get('partNumber')), bytes);
		response.writeHead(200, { etag: `"${createHash('md5').update(bytes).digest('hex')}"` }).end();
	};

	const post = (response: ServerResponse, key: string, query: URLSearchParams, wrong: Fault | undefined): unknown => {
		if (query.has('uploads')) {
			const id = randomUUID();
			uploads.set(id, new Map());
			const result = `<Bucket>${BUCKET}</Bucket><Key>${key}</Key><UploadId>${id}</UploadId>`;
			return xml(response, 200, `<InitiateMultipartUploadResult>${result}</InitiateMultipartUploadResult>`);
		}
		const parts = uploads.get(query.get('uploadId') ?? '');
		if (parts === undefined) return refuse(response, 404, 'NoSuchUpload');
		if (wrong === 'late-error') return refuse(response, 200, 'InternalError');
		uploads.delete(query.get('uploadId') ?? '');
		const bytes = Buffer.concat([...parts].sort(([a], [b]) => a - b).map(([, part]) => part));
		objects.set(key, { bytes, modified: Date.now() });
		if (wrong === 'deaf') return response.destroy();
		xml(response, 200, '<CompleteMultipartUploadResult><ETag>"made"</ETag></CompleteMultipartUploadResult>');
	};

	const answer = async (request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
		const url = new URL(request.url ?? '/', 'http://store');
		const body = await buffer(request);
		const [, bucket, key = ''] = /^\/([^/]+)\/(.*)$/.exec(url.pathname) ?? [];
		const { method = '' } = request;
		requests.push(`${method} ${key}${url.search}`);
		const wrong = fault.next({ method, key, query: url.searchParams });
		if (wrong === 'error') return refuse(response, 500, 'InternalError');
		if (wrong === 'reset') return response.destroy();
		if (wrong === 'denied' || bucket !== BUCKET || !isSigned(request, url, body))
			return refuse(response, 403, 'AccessDenied');
		const md5 = request.headers['content-md5'];
		if (method === 'PUT' && wrong === 'wrong') body[0] = (body[0] ?? 0) ^ 1;
		if (method === 'PUT' && md5 !== createHash('md5').update(body).digest('base64'))
			return refuse(response, 400, 'BadDigest');
		if (method === 'GET' && key === '') list(response, url.searchParams);
		else if (method === 'GET') get(response, key, wrong);
		else if (method === 'HEAD') {
			const found = objects.get(key);
			response.writeHead(found === undefined ? 404 : 200, { 'content-length': found?.bytes.length ?? 0 }).end();
		} else if (method === 'PUT') put(response, key, url.searchParams, body);
		else if (method === 'POST') post(response, key, url.searchParams, wrong);
		else {
			if (url.searchParams.has('uploadId')) uploads.delete(url.searchParams.get('uploadId') ?? '');
			else objects.delete(key);
			response.writeHead(204).end();
		}
	};

	const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
	server.listen(0, '127.0.0.1');
	server.unref();
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	const place = { endpoint: `http://127.0.0.1:${port}`, bucket: BUCKET, region: REGION, prefix: 'some/prefix' };
	const close = async (): Promise<void> => {
		server.closeAllConnections();
		server.close();
		await once(server, 'close');
	};
	return { place, objects, uploads, requests, close };
};
