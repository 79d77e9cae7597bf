import { type Instruction, type Program, registersRead, type ServerProgram, virtualSlots } from '../../runtime/plan.ts';
import { keySlots } from '../../runtime/sizes.ts';
import { InternalError } from '../errors.ts';

/**
 * Throws InternalError unless
 * - registers are below the number declared and are written before they are read;
 * - every part of every input is loaded once, every part of every output stored once;
 * - constants exist, and they and the weights of combinations lie inside the vectors;
 * - every rotation and relinearisation has a declared key that serves the level it happens at;
 * - both halves agree on fingerprint, parameters, batch and keys.
 */
export const verify = ({ client, server, constants }: Program): void => {
	const fail = (message: string): never => {
		throw new InternalError('plan', message);
	};
	const keyed = keyLevels(server);
	const levels = new Map<number, number>();
	const loaded = new Set<string>();
	const stored = new Set<string>();
	const once = (set: Set<string>, key: string): void => {
		if (set.has(key)) fail(`${key} twice`);
		set.add(key);
	};
	server.instructions.forEach((step, k) => {
		for (const register of registersRead(step))
			if (!levels.has(register)) fail(`instruction ${k} reads register ${register}, which is empty`);
		const key = keyOf(step);
		if (key !== undefined && 'a' in step && (levels.get(step.a) as number) > (keyed.get(key) ?? -1))
			fail(`instruction ${k}: no key for ${key} at level ${levels.get(step.a)}`);
		if ('to' in step) {
			if (!(step.to >= 0 && step.to < server.registers)) fail(`instruction ${k} writes register ${step.to}`);
			levels.set(step.to, levelAfter(server, step, levels));
		}
		if (step.op === 'input') once(loaded, `input ${step.input} part ${step.part}`);
		if (step.op === 'output') once(stored, `output ${step.output} part ${step.part}`);
		if (step.op === 'combine' && !(step.offset >= 0 && step.offset + step.terms.length <= constants.length))
			fail(`instruction ${k}: weights lie outside`);
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

/** The highest level that each declared key serves, by the name that `keyOf` gives. */
const keyLevels = ({ keys }: ServerProgram): ReadonlyMap<string, number> =>
	new Map(
		keySlots(keys).map((slot) => [slot.kind === 'rotation' ? `rotation by ${slot.steps}` : slot.kind, slot.level]),
	);

/** The key that an instruction needs. */
const keyOf = (step: Instruction): string | undefined => {
	if (step.op === 'rotate') return `rotation by ${step.steps}`;
	return step.op === 'relinearize' ? 'relinearization' : undefined;
};

/** The level of what an instruction writes. */
const levelAfter = (
	{ inputs }: ServerProgram,
	step: Exclude<Instruction, { op: 'output' }>,
	levels: ReadonlyMap<number, number>,
): number => {
	if (step.op === 'input') return inputs[step.input]?.level ?? -1;
	if (step.op === 'modSwitch' || step.op === 'combine') return step.level;
	const level = levels.get(step.a) as number;
	return step.op === 'rescale' ? level - 1 : level;
};
