import { stagedKeys } from '../../kernel/residency.ts';
import type { Layout } from './layout.ts';
import type { Linked, Step } from './link.ts';

type Steps = Linked['steps'];

/** What all threads do with keys that lie outside: copy each to the stage, unless it lies there already, and use it there. */
export const withStages = (
	steps: Steps,
	uses: readonly (number | undefined)[],
	layout: Pick<Layout, 'keys' | 'stage'>,
): Pick<Linked, 'steps' | 'outside'> => ({
	steps: staged(
		steps,
		uses,
		layout,
		layout.keys.map(({ at }) => at !== undefined),
	),
	outside: staged(
		steps,
		uses,
		layout,
		layout.keys.map(() => false),
	),
});

/** Without a stage all keys are inside. */
const staged = (
	steps: Steps,
	uses: readonly (number | undefined)[],
	{ keys, stage }: Pick<Layout, 'keys' | 'stage'>,
	inside: readonly boolean[],
): Steps => {
	if (stage === undefined) return steps;
	const copies = stagedKeys(uses, inside);
	return steps.map((all, i): readonly Step[] => {
		const use = uses[i];
		if (use === undefined || inside[use] === true) return all;
		const key = copies[i];
		const copy: readonly Step[] =
			key === undefined ? [] : [{ kind: 'stage', key, to: stage.at, bytes: keys[key]?.bytes ?? 0 }];
		return [...copy, ...all.map((step) => atStage(step, stage.at))];
	});
};

const atStage = (step: Step, at: number): Step =>
	step.kind === 'call' && step.key !== undefined
		? { kind: 'call', call: step.call, args: step.args.with(step.key, at) }
		: step;
