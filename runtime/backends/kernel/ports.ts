import { RefusedError } from '../../errors.ts';
import type { Port, ServerProgram } from '../../plan.ts';
import type { PortStep } from './link.ts';
import type { Wire } from './wire.ts';

/** Takes a part of an output that has been packed. */
export type Store = (output: number, part: number, bytes: Uint8Array) => void;

/**
 * What the port steps of an evaluation do: a part of inputs[input][part] into its place, or a result out of it to `store`. Throws
 * RefusedError 'message' for a part that is not what the program expects, and for a result that is transparent.
 */
export const portsOf =
	(
		{ inputs: inputPorts, outputs: outputPorts }: Pick<ServerProgram, 'inputs' | 'outputs'>,
		wire: Wire,
		inputs: readonly (readonly Uint8Array[])[],
		store: Store,
	) =>
	({ kind, port, part, at, primes }: PortStep): void => {
		const { name } = portAt(kind === 'input' ? inputPorts : outputPorts, port);
		const what = `part ${part} of ${kind} '${name}'`;
		if (kind === 'input') wire.unpackSeeded(at, inputs[port]?.[part] ?? new Uint8Array(), primes, what);
		else store(port, part, wire.packCiphertext(at, primes, what));
	};

const portAt = (ports: readonly Port[], index: number): Port => {
	const port = ports[index];
	if (port === undefined) throw new RefusedError('program', `the plan names a port ${index} that does not exist`);
	return port;
};
