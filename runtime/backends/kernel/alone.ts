import type { EvaluateOptions } from '../../execute.ts';
import { checkAborted, Pacer } from '../../pace.ts';
import type { Linked } from './link.ts';
import { portsOf } from './ports.ts';
import { type KeySet, type Machine, NO_KEYS, type Runner, runLinked, runStep, stepsWith } from './run.ts';
import { Wire } from './wire.ts';

/** Evaluates in the calling thread, which gives way to the event loop every 50 ms. */
export class Alone implements Runner {
	readonly threads = 1;
	readonly bytes = 0;
	readonly #machine: Omit<Machine, 'port'>;
	readonly #linked: Linked;
	readonly #wire: Wire;
	/** Constants that are encoded. */
	#encoded = 0;

	constructor(machine: Omit<Machine, 'port'>, linked: Linked) {
		const { kernel, program, layout } = machine;
		this.#machine = machine;
		this.#linked = linked;
		this.#wire = new Wire(kernel, program.parameters, layout.staging[0] as number);
	}

	async evaluate(
		keySet: KeySet,
		inputs: readonly (readonly Uint8Array[])[],
		options: EvaluateOptions,
	): Promise<readonly (readonly Uint8Array[])[]> {
		const { program } = this.#machine;
		const steps = stepsWith(keySet, this.#linked);
		const outputs: Uint8Array[][] = program.outputs.map(() => []);
		const port = portsOf(program, this.#wire, inputs, (output, part, bytes) => {
			(outputs[output] as Uint8Array[])[part] = bytes;
		});
		const machine = { ...this.#machine, port };
		const pacer = new Pacer('evaluate', steps.length, options);
		await this.#encodeConstants(machine, pacer, options);
		let start = performance.now();
		for (const { instruction, done } of runLinked(machine, steps, keySet)) {
			if (done) options.onInstruction?.(instruction, performance.now() - start);
			checkAborted(options.signal);
			if (pacer.due()) await pacer.pause(instruction + Number(done));
			if (done) start = performance.now();
		}
		pacer.finish();
		return outputs;
	}

	async dispose(): Promise<void> {}

	/** At the first evaluation; one that was aborted meanwhile is taken up where it ended. */
	async #encodeConstants(machine: Machine, pacer: Pacer, { signal }: EvaluateOptions): Promise<void> {
		const { setUp } = this.#linked;
		for (; this.#encoded < setUp.length; this.#encoded++) {
			const step = setUp[this.#encoded];
			if (step !== undefined) runStep(machine, step, NO_KEYS);
			checkAborted(signal);
			if (pacer.due()) await pacer.pause(0);
		}
	}
}
