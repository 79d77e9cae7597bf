import { CommanderError } from 'commander';
import { CompileError, type Issue } from '../compiler/errors.ts';
import { RefusedError } from '../runtime/errors.ts';

/** What a process ends with: done, a defect of ours, wrong usage, something given to us that cannot be accepted. */
export type ExitStatus = 0 | 1 | 2 | 3;

/** A command line that does not say what to do: exit status 2. */
export class UsageError extends Error {
	override readonly name = 'UsageError';
}

/** Issues that are told in full; of others their number is told. */
const MOST_ISSUES = 20;
/** Characters of a part of a paragraph: names of a model may be of any length, and hold anything. */
const MOST_CHARACTERS = 2000;

const shortened = (text: string): string =>
	text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)} ...`;

/** The parts as one paragraph of sentences, without characters that a terminal obeys. */
const paragraph = (parts: readonly (string | undefined)[]): string =>
	parts
		.map((part) =>
			shortened(
				(part ?? '')
					.trim()
					.replace(/\s*\n\s*/g, ' ')
					.replace(/\p{Cc}/gu, '?'),
			),
		)
		.filter((part) => part !== '')
		.map((part) => (/[.!?]$/.test(part) ? part : `${part}.`))
		.join(' ');

const describe = ({ message, hint, node, op, domain, opset }: Issue): string => {
	const operator = op === undefined ? '' : `operator ${domain ? `${domain}.` : ''}${op}`;
	const facts = [
		node === undefined || message.includes(node) ? '' : `node '${node}'`,
		op !== undefined && message.includes(op) ? '' : operator,
		opset === undefined || message.includes(`opset ${opset}`) ? '' : `opset ${opset}`,
	].filter((fact) => fact !== '');
	return paragraph([facts.length > 0 ? `${message.trim().replace(/\.$/, '')} (${facts.join(', ')})` : message, hint]);
};

/** How many further issues there are, of which operators. */
const others = (issues: readonly Issue[]): readonly string[] => {
	if (issues.length === 0) return [];
	const counts = new Map<string, number>();
	for (const { op = 'no operator' } of issues) counts.set(op, (counts.get(op) ?? 0) + 1);
	const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, MOST_ISSUES);
	const listed = most.map(([op, count]) => `${count} of ${op}`).join(', ');
	return [`error: ${paragraph([`${issues.length} more are like these: ${listed}`])}`];
};

const systemReasons: Readonly<Record<string, string>> = {
	ENOENT: 'does not exist',
	EACCES: 'may not be opened',
	EPERM: 'may not be opened',
	EISDIR: 'is a folder, not a file',
	ENOTDIR: 'is not a folder',
	EEXIST: 'exists already',
	ENOSPC: 'cannot be written: the disk is full',
	EROFS: 'cannot be written: the disk is read-only',
	EMFILE: 'cannot be opened: too many files are open',
	ERR_FS_FILE_TOO_LARGE: 'is larger than 2 GB, more than is read',
};

/** The path and the reason when `error` came from the file system. */
const fileProblem = (error: unknown): string | undefined => {
	if (!(error instanceof Error && 'code' in error && 'path' in error)) return undefined;
	const reason = systemReasons[String(error.code)];
	return reason === undefined ? undefined : `${String(error.path)} ${reason}.`;
};

/** One paragraph for each thing that is wrong, and the status to end with. Only a defect of ours shows a stack. */
export const explain = (error: unknown): { readonly status: ExitStatus; readonly paragraphs: readonly string[] } => {
	if (error instanceof CompileError)
		return {
			status: 3,
			paragraphs: [
				...error.issues.slice(0, MOST_ISSUES).map((issue) => `error: ${describe(issue)}`),
				...others(error.issues.slice(MOST_ISSUES)),
			],
		};
	if (error instanceof RefusedError)
		return { status: 3, paragraphs: [`error: ${paragraph([error.message, error.hint])}`] };
	if (error instanceof UsageError) return { status: 2, paragraphs: [`error: ${paragraph([error.message])}`] };
	if (error instanceof CommanderError) return { status: error.exitCode === 0 ? 0 : 2, paragraphs: [] };
	const problem = fileProblem(error);
	if (problem !== undefined) return { status: 3, paragraphs: [`error: ${problem}`] };
	const text = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : `thrown: ${String(error)}`;
	return {
		status: 1,
		paragraphs: [
			'error: this is a defect of onnx-seal, not of what you gave it. Please report it with the command, the model if you may share it, and these lines:',
			text,
		],
	};
};
