/** What the compiler predicts of a program: milliseconds of an evaluation on one thread, bits of precision of its outputs. */
export type Prediction = { readonly evaluateMs: number; readonly bits: number };

type NamedShape = { readonly name: string; readonly shape: readonly number[] };

/** What a service says of its model before anyone sends anything: which program this is, and what using it costs. Bytes are those of whole messages. */
export type ModelCard = {
	readonly name: string;
	/** Of the compilation: 64 hexadecimal digits. */
	readonly fingerprint: string;
	readonly inputs: readonly NamedShape[];
	readonly outputs: readonly NamedShape[];
	/** The most samples that one evaluation takes. */
	readonly batch: number;
	/** `logQ`: log2(QP); `primes`: bits of each, the special prime last. */
	readonly parameters: {
		readonly ringDegree: number;
		readonly logQ: number;
		readonly primes: readonly number[];
		readonly securityBits: number;
	};
	readonly keys: { readonly count: number; readonly bytes: number };
	readonly traffic: { readonly inputBytes: number; readonly outputBytes: number };
	readonly predicted: Prediction;
};
