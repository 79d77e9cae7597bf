import type { Backend } from '../backend.ts';
import { RefusedError } from '../errors.ts';
import type { Shape } from '../rules.ts';
import type { SealCiphertext } from '../seal/ciphertext.ts';
import type { SealContext, SealPlaintext } from '../seal/context.ts';
import { filled, release } from '../seal/handles.ts';
import type { EvaluationKeys } from '../seal/keys.ts';

/**
 * Evaluation by SEAL under the evaluation keys of one key owner. Legality is checked by `Rules` before SEAL sees an
 * operation, since every exception of SEAL costs it memory; what SEAL still refuses (a transparent result) is 'misuse'.
 */
export class SealBackend implements Backend<SealCiphertext, SealPlaintext> {
	readonly name = 'seal';
	readonly #context: SealContext;
	readonly #keys: EvaluationKeys;

	constructor(context: SealContext, keys: EvaluationKeys) {
		this.#context = context;
		this.#keys = keys;
	}

	encode(values: Float64Array, level: number, scale: number): SealPlaintext {
		return this.#context.encode(values, level, scale);
	}

	encodeNumber(value: number, level: number, scale: number): SealPlaintext {
		return this.#context.encodeNumber(value, level, scale);
	}

	add(a: SealCiphertext, b: SealCiphertext): SealCiphertext {
		const { evaluator, rules } = this.#context;
		return withScale(b, a, () =>
			this.#result('add', rules.sum(a.shape, b.shape), (to) => evaluator.add(a.object, b.object, to)),
		);
	}

	subtract(a: SealCiphertext, b: SealCiphertext): SealCiphertext {
		if (a === b) throw new RefusedError('misuse', 'a ciphertext minus itself would be transparent');
		const { evaluator, rules } = this.#context;
		return withScale(b, a, () =>
			this.#result('subtract', rules.sum(a.shape, b.shape), (to) => evaluator.sub(a.object, b.object, to)),
		);
	}

	negate(a: SealCiphertext): SealCiphertext {
		return this.#result('negate', a.shape, (to) => this.#context.evaluator.negate(a.object, to));
	}

	addPlain(a: SealCiphertext, plain: SealPlaintext): SealCiphertext {
		const { evaluator, rules } = this.#context;
		return withScale(plain, a, () =>
			this.#result('add a plaintext', rules.addPlain(a.shape, plain.shape), (to) =>
				evaluator.addPlain(a.object, plain.object, to),
			),
		);
	}

	multiplyPlain(a: SealCiphertext, plain: SealPlaintext): SealCiphertext {
		const { evaluator, rules } = this.#context;
		return this.#result('multiply by a plaintext', rules.multiplyPlain(a.shape, plain.shape), (to) =>
			evaluator.multiplyPlain(a.object, plain.object, to),
		);
	}

	multiply(a: SealCiphertext, b: SealCiphertext): SealCiphertext {
		const { evaluator, rules } = this.#context;
		return this.#result('multiply', rules.multiply(a.shape, b.shape), (to) =>
			a === b ? evaluator.square(a.object, to) : evaluator.multiply(a.object, b.object, to),
		);
	}

	relinearize(a: SealCiphertext): SealCiphertext {
		const { evaluator, rules } = this.#context;
		return this.#result('relinearize', rules.relinearize(a.shape), (to) =>
			evaluator.relinearize(a.object, this.#keys.relinearization, to),
		);
	}

	rescale(a: SealCiphertext): SealCiphertext {
		const { evaluator, rules } = this.#context;
		return this.#result('rescale', rules.rescale(a.shape), (to) => evaluator.rescaleToNext(a.object, to));
	}

	modSwitch(a: SealCiphertext, level: number): SealCiphertext {
		const { evaluator, rules } = this.#context;
		const { id } = this.#context.level(level);
		return this.#result('switch the modulus', rules.modSwitch(a.shape, level), (to) =>
			evaluator.cipherModSwitchTo(a.object, id, to),
		);
	}

	rotate(a: SealCiphertext, steps: number): SealCiphertext {
		const left = this.#context.rules.rotate(a.shape, steps);
		return this.#result('rotate', a.shape, (to) =>
			this.#context.evaluator.rotateVector(a.object, left, this.#keys.rotation(left), to),
		);
	}

	dispose(a: SealCiphertext): void {
		release(a.object);
	}

	disposePlain(plain: SealPlaintext): void {
		release(plain.object);
	}

	#result(what: string, shape: Shape, compute: (to: SealCiphertext['object']) => void): SealCiphertext {
		const { module } = this.#context;
		const object = filled(
			module.call('make a ciphertext', () => new module.seal.Ciphertext()),
			(to) => module.call(what, () => compute(to)),
		);
		return { object, shape };
	}
}

type Scaled = {
	readonly object: { scale(): number; setScale(scale: number): void };
	readonly shape: { readonly scale: number };
};

/** SEAL wants scales equal to the last bit, the plan only closely: `operand` wears the scale of `model` during f(). */
const withScale = <T>(operand: Scaled, model: Scaled, f: () => T): T => {
	if (operand.shape.scale === model.shape.scale) return f();
	operand.object.setScale(model.shape.scale);
	try {
		return f();
	} finally {
		operand.object.setScale(operand.shape.scale);
	}
};
