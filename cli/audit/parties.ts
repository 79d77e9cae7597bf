import { type ClientProgram, everyOutput, type Program, type TailOp } from '../../runtime/plan.ts';
import {
	evaluationKeyBytes,
	inputLength,
	keyLengths,
	keySlots,
	messageLength,
	outputLength,
	secretKeyLength,
} from '../../runtime/sizes.ts';
import { formatBytes } from '../output.ts';

/** An evaluation key of the build: none of them is secret. Step 0 is the relinearization key. */
export type AuditedKey = { readonly step: number; readonly level: number; readonly bytes: number };

export type Party = {
	readonly party: 'client' | 'server' | 'wire';
	readonly sees: readonly string[];
	readonly never: readonly string[];
};

export const keysOf = ({ parameters, keys }: ClientProgram): readonly AuditedKey[] => {
	const bytes = keyLengths(parameters, keys);
	return keySlots(keys).map((slot, k) => ({
		step: slot.kind === 'rotation' ? slot.steps : 0,
		level: slot.level,
		bytes: bytes[k] as number,
	}));
};

const named = (ends: readonly { readonly name: string; readonly shape: readonly number[] }[]): string =>
	ends.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');

const numbersIn = (op: TailOp): number => (op.op === 'lookup' || op.op === 'select' ? op.values.length : 0);

/** Numbers of the model that the client needs and so has: preparation of inputs, labels, outputs that are constant. */
const modelNumbers = ({ inputs, outputs, knownOutputs = [] }: ClientProgram): readonly string[] => [
	...inputs.flatMap(({ name, head }) =>
		head === undefined ? [] : [`of the model: ${2 * head.scale.length} numbers that prepare ${name}`],
	),
	...outputs.flatMap(({ name, tail, classes = [] }) => {
		const numbers = tail.reduce((sum, op) => sum + numbersIn(op), 0) + classes.length;
		return numbers === 0 ? [] : [`of the model: ${numbers} labels of ${name}`];
	}),
	...knownOutputs.map(({ name, values }) => `of the model: the constant output ${name} (${values.length} numbers)`),
];

/** Bytes of the messages of one evaluation. */
const traffic = ({ parameters, inputs, outputs }: ClientProgram): { readonly up: number; readonly down: number } => ({
	up: messageLength(inputs.flatMap(({ parts, level }) => parts.map(() => inputLength(parameters, level)))),
	down: messageLength(outputs.flatMap(({ parts, level }) => parts.map(() => outputLength(parameters, level)))),
});

/** What no build promises; SECURITY.md says more. */
export const notPromised: readonly string[] = [
	'A decrypted result is for the key owner. Who may hold its ciphertext gets client.publish(...), best the decision.',
	'No circuit privacy: noise, key steps and levels say something of the network to the key owner; answers do to whoever asks often.',
	'Nothing proves that a server evaluates this program. SECURITY.md says more.',
];

/** Of a program as it is written. */
const jsonBytes = (half: object): string => formatBytes(Buffer.byteLength(JSON.stringify(half)) + 1);

/** What each party of this very build sees, and never does. */
export const partiesOf = ({ client, server, constants }: Program): readonly Party[] => {
	const { up, down } = traffic(client);
	const keys = keySlots(client.keys).length;
	const keyBytes = formatBytes(evaluationKeyBytes(client));
	const parts = (ends: readonly { readonly parts: readonly unknown[] }[]): number =>
		ends.reduce((sum, end) => sum + end.parts.length, 0);
	return [
		{
			party: 'client',
			sees: [
				`inputs in the clear: ${named(client.inputs)}`,
				`outputs in the clear: ${named(everyOutput(client))}`,
				`the secret key, ${formatBytes(secretKeyLength(client.parameters))}, which it makes and keeps`,
				`structure: parameters, packing, ${keys} evaluation keys with steps and levels (client/program.json, ${jsonBytes(client)})`,
				...modelNumbers(client),
			],
			never: ['the weights in server/constants.bin', 'inputs of --plain', 'instructions'],
		},
		{
			party: 'server',
			sees: [
				`weights and inputs of --plain: ${constants.length} numbers, ${formatBytes(8 * constants.length)} (server/constants.bin)`,
				`the program: ${server.instructions.length} instructions (server/program.json, ${jsonBytes(server)})`,
				`ciphertexts, in an evaluation ${parts(client.inputs)} of inputs and ${parts(client.outputs)} of outputs: ${formatBytes(up)} and ${formatBytes(down)}`,
				`${keys} evaluation keys, ${keyBytes}, once for a key set`,
				`names of key sets, how many samples are in a message (of ${client.batch}), when and how often`,
			],
			never: ['inputs', 'outputs', 'the secret key'],
		},
		{
			party: 'wire',
			sees: [
				`behind TLS: lengths and times (${keyBytes} once, ${formatBytes(up)} up and ${formatBytes(down)} down an evaluation)`,
				'without TLS: the messages as the server sees them, with fingerprint, name of the key set, rotation steps and levels',
			],
			never: ['inputs', 'outputs', 'the secret key', 'weights'],
		},
	];
};
