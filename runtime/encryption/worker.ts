import { SealKeyOwner } from '../backends/sealKeys.ts';
import { SealContext } from '../seal/context.ts';
import { loadSeal } from '../seal/module.ts';
import { threadContext } from '../threads.ts';
import { PlaintextEncoder } from './encoder.ts';
import type { EncryptorData, Made, Order } from './protocol.ts';

/** A thread that encrypts with a SEAL of its own, until it is ended. */
const { port, data } = threadContext();
const { parameters, secret } = data as EncryptorData;
const context = new SealContext(await loadSeal(), parameters, { steps: [] });
const owner = new SealKeyOwner(context, secret, await PlaintextEncoder.create(parameters));
secret.fill(0);

port.on('message', ({ index, values, level, scale }: Order) => {
	const bytes = owner.encrypt(values, level, scale);
	const made: Made = { index, bytes };
	port.postMessage(made, bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : []);
});
