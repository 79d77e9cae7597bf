import { RefusedError } from '../errors.ts';
import type { ModelCard } from '../modelCard.ts';
import type { ClientProgram } from '../plan.ts';
import { checkShape, clientComplaint, isList, isNumber, isRecord, isText } from '../programShape.ts';
import { broken } from './errors.ts';
import type { Answer } from './http.ts';
import { jsonOf } from './refusal.ts';

/** Answers of the service, checked: all of them come from outside. */

/** Which evaluation keys of a key set the service has. */
export type KeyState = { readonly parts: number; readonly present: readonly number[]; readonly complete: boolean };

/** How far an evaluation is. */
export type EvaluationStatus = {
	readonly id: string;
	readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
	readonly position?: number;
	readonly progress?: { readonly step: string; readonly done: number; readonly total: number };
	/** What `errorOf` reads. */
	readonly error?: unknown;
};

/** Statuses, and whatever a proxy says in place of the service. */
export const SMALL_ANSWER = 2 ** 16;
const CARD_LIMIT = 2 ** 20;
const PROGRAM_LIMIT = 2 ** 28;
export const CARD = { method: 'GET', path: 'v1/model', limit: CARD_LIMIT } as const;
export const PROGRAM = { method: 'GET', path: 'v1/model/client', limit: PROGRAM_LIMIT } as const;

type Check = (value: unknown) => boolean;
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isPorts = isList(isRecord({ name: isText, shape: isList(isCount) }));
const isCard = isRecord({
	name: isText,
	fingerprint: (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
	inputs: isPorts,
	outputs: isPorts,
	batch: isCount,
	parameters: isRecord({ ringDegree: isCount, logQ: isNumber, primes: isList(isNumber), securityBits: isCount }),
	keys: isRecord({ count: isCount, bytes: isCount }),
	traffic: isRecord({ inputBytes: isCount, outputBytes: isCount }),
	predicted: isRecord({ evaluateMs: isNumber, bits: isNumber }),
});
const isKeyState = isRecord({
	parts: isCount,
	present: isList(isCount),
	complete: (value) => typeof value === 'boolean',
});
const STATES: readonly unknown[] = ['waiting', 'running', 'done', 'failed', 'cancelled'];
const isProgress = isRecord({ step: isText, done: isNumber, total: isNumber });
const isStatus = isRecord({
	id: isText,
	state: (value) => STATES.includes(value),
	position: (value) => value === undefined || isCount(value),
	progress: (value) => value === undefined || isProgress(value),
});

const read = (answer: Answer, check: Check, what: string): unknown => {
	const value = jsonOf(answer.bytes);
	if (value === undefined || !check(value)) throw broken(`something that is no ${what}`, answer.status);
	return value;
};

export const cardOf = (answer: Answer): ModelCard => read(answer, isCard, 'model card') as ModelCard;
export const keyStateOf = (answer: Answer): KeyState => read(answer, isKeyState, 'state of a key set') as KeyState;
export const statusOf = (answer: Answer): EvaluationStatus => read(answer, isStatus, 'status') as EvaluationStatus;

/** The client's half of a program, every field checked. Throws RefusedError 'program'. */
export const programOf = (answer: Answer): ClientProgram => {
	const value: unknown = jsonOf(answer.bytes);
	checkShape(clientComplaint(value));
	return value as ClientProgram;
};

/** Throws RefusedError 'program' unless the service evaluates this program. */
export const checkFingerprint = (card: ModelCard, program: ClientProgram): void => {
	if (card.fingerprint !== program.fingerprint)
		throw new RefusedError(
			'program',
			`the service evaluates the program ${card.fingerprint.slice(0, 16)}..., not ${program.fingerprint.slice(0, 16)}...`,
			'Client and server must come from the same compilation.',
		);
};
