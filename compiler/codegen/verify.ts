import { RefusedError } from '../../runtime/errors.ts';
import { type Program, virtualSlots } from '../../runtime/plan.ts';
import { tailShape } from '../../runtime/tail.ts';
import { valuesOf } from '../../runtime/values.ts';
import { InternalError } from '../errors.ts';

const fail = (message: string): never => {
	throw new InternalError('plan', message);
};

/**
 * Throws InternalError unless
 * - every instruction is legal and every port complete: registers, levels, scales, sizes, keys, constants, parts (`valuesOf`);
 * - no part of an input is loaded twice;
 * - constants and the weights of combinations lie inside the vectors;
 * - the tails make the outputs' shapes of what is decrypted;
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
	server.instructions.forEach((step, k) => {
		if (step.op === 'input') {
			const place = `${step.input} ${step.part}`;
			if (loaded.has(place)) fail(`instruction ${k}: part ${step.part} of input ${step.input} again`);
			loaded.add(place);
		}
		if (step.op === 'combine' && step.offset + step.to.length * step.terms.length > constants.length)
			fail(`instruction ${k}: weights lie outside`);
	});
	const size = virtualSlots(server);
	if (server.constants.some(({ offset }) => offset < 0 || offset + size > constants.length))
		fail('a constant lies outside');
	for (const { name, encryptedShape, shape, tail } of client.outputs)
		if (String(tailShape(encryptedShape, tail)) !== String(shape)) fail(`the tail of '${name}' gives another shape`);
	const common = ({ fingerprint, parameters, batch, keys }: Program['client'] | Program['server']): string =>
		JSON.stringify({ fingerprint, parameters, batch, keys });
	if (common(client) !== common(server)) fail('client and server differ');
};
