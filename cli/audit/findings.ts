/** `high`: less than the build claims or the documents promise. `low`: worth doing something about. `note`: worth knowing. */
export type Severity = 'high' | 'low' | 'note';

export type Finding = {
	readonly severity: Severity;
	/** What it is about, for programs that read it: `parameters`, `primes`, `fingerprint`, `client`, `masking` ... */
	readonly about: string;
	readonly what: string;
	readonly remedy: string;
};

export const COMPILE_AGAIN = 'Compile the model again.';

const finding =
	(severity: Severity) =>
	(about: string, what: string, remedy: string = COMPILE_AGAIN): Finding => ({ severity, about, what, remedy });

export const high = finding('high');
export const low = finding('low');
export const note = finding('note');

/** The finding where the condition holds, as a list. */
export const when = (condition: boolean, made: () => Finding): readonly Finding[] => (condition ? [made()] : []);
