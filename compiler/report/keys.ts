import type { ClientProgram } from '../../runtime/plan.ts';
import { evaluationKeyBytes, keyLength, keySlots } from '../../runtime/sizes.ts';
import type { KeyLimit } from '../keys.ts';
import type { Composed } from '../slots/keys/limit.ts';

/** One evaluation key: `step` in real slots, 0 for relinearisation; the highest level it serves; bytes as sent. */
type SentKey = { readonly step: number; readonly level: number; readonly bytes: number };

/** Bytes as sent. */
export type KeyReport = {
	readonly count: number;
	readonly bytes: number;
	/** Of the rotations. */
	readonly steps: readonly number[];
	readonly list: readonly SentKey[];
	/** Where --max-keys, --max-key-bytes, --optimize keys or --optimize memory made a difference. */
	readonly limit?: KeyLimit;
};

export const keysOf = (program: ClientProgram, limit: KeyLimit | undefined): KeyReport => {
	const slots = keySlots(program.keys);
	return {
		count: slots.length,
		bytes: evaluationKeyBytes(program),
		steps: program.keys.steps.map(({ step }) => step),
		list: slots.map((slot) => ({
			step: slot.kind === 'rotation' ? slot.steps : 0,
			level: slot.level,
			bytes: keyLength(program.parameters, slot.level),
		})),
		...(limit === undefined ? {} : { limit: { ...limit, composed: inRealSlots(limit.composed, program.batch) } }),
	};
};

const inRealSlots = (composed: readonly Composed[], batch: number): readonly Composed[] =>
	composed.map(({ step, by }) => ({ step: step * batch, by: by.map((part) => part * batch) }));
