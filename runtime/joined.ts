import { checkSeeded } from './codec.ts';
import { RefusedError } from './errors.ts';
import { type Message, readMessage, toHex, writeMessage } from './message.ts';
import type { ServerProgram } from './plan.ts';
import { inputLength } from './sizes.ts';

/**
 * Inputs that come from several clients, each in a message of its own (`Client.encryptInput`). They can be computed with together
 * because the clients share a secret key, so their messages name the same key set. A message says which input it holds: inputs
 * may differ in their scale and layout where they do not differ in length, so that none may take the place of another.
 */
type Joinable = Pick<ServerProgram, 'fingerprint' | 'parameters' | 'batch' | 'inputs'>;

/** What a server knows of a message with one input: under which key set, and for how many samples, it was encrypted. */
export type InputHead = { readonly keySet: string; readonly samples: number };

const readInput = async (program: Joinable, name: string, bytes: Uint8Array): Promise<Message> => {
	const { fingerprint, parameters, batch, inputs } = program;
	const index = inputs.findIndex((input) => input.name === name);
	const { parts = 0, level = 0 } = inputs[index] ?? {};
	if (index < 0) throw new RefusedError('input', `the program has no input '${name}'`);
	const lengths = new Array<number>(parts).fill(inputLength(parameters, level));
	const message = await readMessage(bytes, { kind: 'input', fingerprint, index }, lengths);
	if (message.samples < 1 || message.samples > batch)
		throw new RefusedError('message', `the input claims to hold ${message.samples} samples of at most ${batch}`);
	return message;
};

/**
 * Looks at every byte of a message with the input `name`, so that what comes from one client is refused when it comes and not when
 * it is computed with. Throws RefusedError 'message' for what `joinInputs` or an evaluation would refuse, 'input' where there is no
 * such input.
 */
export const checkInput = async (program: Joinable, name: string, bytes: Uint8Array): Promise<InputHead> => {
	const { keySet, samples, parts } = await readInput(program, name, bytes);
	const { parameters, inputs } = program;
	const level = inputs.find((input) => input.name === name)?.level ?? 0;
	const ring = { ...parameters, primes: parameters.primes.slice(0, level + 1) };
	for (const [i, part] of parts.entries()) checkSeeded(part, ring, `part ${i} of input '${name}'`);
	return { keySet: toHex(keySet), samples };
};

/**
 * One message with all inputs, for `Server.evaluate`, of messages with one input each by its name. Throws RefusedError 'message' for
 * bytes that hold no such input and for different numbers of samples, 'keys' for different key sets, 'input' where one is missing or
 * there is none of its name.
 */
export const joinInputs = async (program: Joinable, messages: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array> => {
	const { fingerprint, inputs } = program;
	const unknown = [...messages.keys()].find((name) => !inputs.some((input) => input.name === name));
	if (unknown !== undefined) throw new RefusedError('input', `the program has no input '${unknown}'`);
	const read: Message[] = [];
	for (const { name } of inputs) {
		const bytes = messages.get(name);
		if (bytes === undefined) throw new RefusedError('input', `the input '${name}' is missing`);
		read.push(await readInput(program, name, bytes));
	}
	const [first] = read;
	if (first === undefined) throw new RefusedError('input', 'the program has no encrypted input');
	const { keySet, samples } = first;
	for (const [i, other] of read.entries()) {
		const what = `the inputs '${inputs[0]?.name}' and '${inputs[i]?.name}'`;
		if (toHex(other.keySet) !== toHex(keySet))
			throw new RefusedError(
				'keys',
				`${what} are encrypted under different key sets`,
				'All clients need one secret key.',
			);
		if (other.samples !== samples) throw new RefusedError('message', `${what} hold different numbers of samples`);
	}
	return writeMessage(
		{ kind: 'inputs', fingerprint, keySet, samples },
		read.flatMap(({ parts }) => parts),
	);
};
