import { RefusedError } from '../../runtime/errors.ts';
import { type Program, virtualSlots } from '../../runtime/plan.ts';
import { valuesOf } from '../../runtime/values.ts';
import { InternalError } from '../errors.ts';

const fail = (message: string): never => {
	throw new InternalError('plan', message);
};

/**
 * Throws InternalError unless
 * - every instruction is legal: registers, levels, scales, sizes, keys, constants, ports (`valuesOf`);
 * - every part of every input is loaded once, every part of every output stored once;
 * - constants and the weights of combinations lie inside the vectors;
 * - both halves agree on fingerprint, parameters, batch and keys.
 */
export const verify = ({ client, server, constants }: Program): void => {
	try {
		valuesOf(server);
	} catch (error) {
		if (error instanceof RefusedError) fail(error.message);
		throw error;
	}
	const loaded = new Set<string>();
	const stored = new Set<string>();
	const once = (set: Set<string>, key: string): void => {
		if (set.has(key)) fail(`${key} twice`);
		set.add(key);
	};
	server.instructions.forEach((step, k) => {
		if (step.op === 'input') once(loaded, `input ${step.input} part ${step.part}`);
		if (step.op === 'output') once(stored, `output ${step.output} part ${step.part}`);
		if (step.op === 'combine' && step.offset + step.to.length * step.terms.length > constants.length)
			fail(`instruction ${k}: weights lie outside`);
	});
	const parts = (ports: readonly { readonly parts: number }[]): number =>
		ports.reduce((sum, port) => sum + port.parts, 0);
	if (loaded.size !== parts(server.inputs)) fail(`${loaded.size} of ${parts(server.inputs)} input parts are loaded`);
	if (stored.size !== parts(server.outputs)) fail(`${stored.size} of ${parts(server.outputs)} output parts are stored`);
	const size = virtualSlots(server);
	if (server.constants.some(({ offset }) => offset < 0 || offset + size > constants.length))
		fail('a constant lies outside');
	const common = ({ fingerprint, parameters, batch, keys }: Program['client'] | Program['server']): string =>
		JSON.stringify({ fingerprint, parameters, batch, keys });
	if (common(client) !== common(server)) fail('client and server differ');
};
