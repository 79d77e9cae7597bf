import { CommanderError } from 'commander';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { explain, UsageError } from '../../cli/errors.ts';
import { readFile } from '../../cli/readFile.ts';
import { CompileError, InternalError } from '../../compiler/errors.ts';
import { RefusedError } from '../../runtime/errors.ts';

const thrownBy = (run: () => unknown): unknown => {
	try {
		run();
	} catch (error) {
		return error;
	}
	return undefined;
};

test('every issue of a model is one paragraph that names node, operator, domain and opset, and the status is 3', () => {
	const error = new CompileError([
		{
			code: 'unsupported',
			message: 'This layer is not compiled.',
			hint: 'Unroll it',
			node: 'rnn_1',
			op: 'LSTM',
			domain: 'ai.onnx',
			opset: 17,
		},
		{ code: 'unsupported', message: 'The operator Det, opset 13, is not compiled', op: 'Det', opset: 13 },
		{ code: 'shape', message: "Node 'fc': the shapes\n do not fit", node: 'fc' },
	]);
	assert.equal(explain(error), {
		status: 3,
		paragraphs: [
			"error: This layer is not compiled (node 'rnn_1', operator ai.onnx.LSTM, opset 17). Unroll it.",
			'error: The operator Det, opset 13, is not compiled.',
			"error: Node 'fc': the shapes do not fit.",
		],
	});
});

test('of very many issues the first are told and the others counted by operator', () => {
	const issue = (op: string, i: number) => ({ code: 'unsupported', message: `${op} ${i}`, node: `n${i}`, op }) as const;
	const issues = Array.from({ length: 500 }, (_, i) => issue(i % 4 === 0 ? 'TopK' : 'LSTM', i));
	const { paragraphs } = explain(new CompileError(issues));
	assert.is(paragraphs.length, 21);
	assert.is(paragraphs[20], 'error: 480 more are like these: 360 of LSTM, 120 of TopK.');
});

test('names of a model are told without what a terminal would obey, and not at any length', () => {
	const name = `\u001b[2J\u009b${'x'.repeat(100_000)}`;
	const [text = ''] = explain(new CompileError([{ code: 'file', message: `Node '${name}' is broken.` }])).paragraphs;
	assert.match(text, /^error: Node '\?\[2J\?xxx/);
	assert.ok(text.length < 3000);
});

test('what the runtime refuses is one paragraph with its hint, and the status is 3', () => {
	assert.equal(explain(new RefusedError('keys', 'a rotation key is missing', 'Send the keys again')), {
		status: 3,
		paragraphs: ['error: a rotation key is missing. Send the keys again.'],
	});
});

test('wrong usage has status 2 and shows no stack', () => {
	assert.equal(explain(new UsageError('--degree makes no sense here')), {
		status: 2,
		paragraphs: ['error: --degree makes no sense here.'],
	});
	assert.is(explain(new CommanderError(1, 'commander.unknownOption', 'unknown')).status, 2);
	assert.is(explain(new CommanderError(0, 'commander.helpDisplayed', 'help')).status, 0);
});

test('a file that cannot be read is one paragraph with its path, and the status is 3', () => {
	const missing = explain(thrownBy(() => readFile('/nowhere/at/all.npy')));
	assert.equal(missing, { status: 3, paragraphs: ['error: /nowhere/at/all.npy does not exist.'] });
	assert.equal(explain(thrownBy(() => readFile('/'))).paragraphs, ['error: / is a folder, not a file.']);
	const tooLarge = Object.assign(new RangeError('File size'), { code: 'ERR_FS_FILE_TOO_LARGE', path: 'keys.bin' });
	assert.is(explain(tooLarge).status, 3);
});

test('everything else is a defect of ours with a stack and a request to report', () => {
	const defect = explain(new InternalError('rescale', 'level below zero'));
	assert.is(defect.status, 1);
	assert.match(defect.paragraphs.join('\n'), /report/);
	assert.match(defect.paragraphs.join('\n'), /rescale: level below zero[\s\S]* at /);
	for (const thrown of [new TypeError('x is undefined'), 'a string', undefined, { some: 'object' }])
		assert.is(explain(thrown).status, 1);
});

test.run();
