import { SealBackend } from '../../runtime/backends/seal.ts';
import { SealKeyOwner } from '../../runtime/backends/sealKeys.ts';
import type { CkksParameters } from '../../runtime/plan.ts';
import { SealContext } from '../../runtime/seal/context.ts';
import { EvaluationKeys } from '../../runtime/seal/keys.ts';
import { loadSeal } from '../../runtime/seal/module.ts';
import { keySlots } from '../../runtime/sizes.ts';
import { everyKey } from '../runtime/support.ts';

/** Both halves of SEAL under one key, with the keys for relinearisation and these rotations at every level. */
export const openSeal = async (parameters: CkksParameters, ...steps: readonly number[]) => {
	const needs = everyKey(parameters, ...steps);
	const module = await loadSeal();
	const context = new SealContext(module, parameters, needs);
	const owner = new SealKeyOwner(context);
	const sent = keySlots(needs).map((slot) => owner.evaluationKey(slot));
	const keys = await EvaluationKeys.load(context, needs, sent, {});
	return { module, context, owner, keys, backend: new SealBackend(context, keys) };
};
