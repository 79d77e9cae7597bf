import { type Program, registersRead, virtualSlots } from '../../runtime/plan.ts';
import { InternalError } from '../errors.ts';

/**
 * Throws InternalError unless
 * - registers are below the number declared and are written before they are read;
 * - every part of every input is loaded once, every part of every output stored once;
 * - constants exist and lie inside the vectors; rotations are by declared key steps;
 * - both halves agree on fingerprint, parameters, batch and keys.
 */
export const verify = ({ client, server, constants }: Program): void => {
	const fail = (message: string): never => {
		throw new InternalError('plan', message);
	};
	const written = new Set<number>();
	const loaded = new Set<string>();
	const stored = new Set<string>();
	const once = (set: Set<string>, key: string): void => {
		if (set.has(key)) fail(`${key} twice`);
		set.add(key);
	};
	server.instructions.forEach((step, k) => {
		for (const register of registersRead(step))
			if (!written.has(register)) fail(`instruction ${k} reads register ${register}, which is empty`);
		if ('to' in step) {
			if (!(step.to >= 0 && step.to < server.registers)) fail(`instruction ${k} writes register ${step.to}`);
			written.add(step.to);
		}
		if (step.op === 'input') once(loaded, `input ${step.input} part ${step.part}`);
		if (step.op === 'output') once(stored, `output ${step.output} part ${step.part}`);
		if (step.op === 'rotate' && !server.keys.steps.includes(step.steps)) fail(`no key for steps ${step.steps}`);
		if ('constant' in step && server.constants[step.constant] === undefined) fail(`no constant ${step.constant}`);
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
