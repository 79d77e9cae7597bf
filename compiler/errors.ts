/** One reason why a model cannot be compiled. Everything a message says is also a field. */
export type Issue = {
	readonly code:
		| 'file' // not an ONNX model, or broken
		| 'unsupported' // an operator, attribute or type that is not compiled
		| 'shape' // shapes that do not fit, or are not static
		| 'option' // an option that does not fit the model
		| 'calibration' // calibration data that do not fit
		| 'range' // values that no parameters can hold
		| 'parameters' // no ring degree holds the circuit at this security
		| 'size'; // a tensor or matrix beyond the caps
	readonly message: string;
	/** What would help. */
	readonly hint?: string;
	/** The ONNX node at fault: its name, or the name of its first output. */
	readonly node?: string;
	readonly op?: string;
	readonly domain?: string;
	readonly opset?: number;
};

/** The model, its data or the options cannot be accepted; holds every issue found, not only the first. */
export class CompileError extends Error {
	override readonly name = 'CompileError';
	readonly issues: readonly Issue[];

	constructor(issues: readonly Issue[]) {
		super(issues.map((issue) => issue.message).join('\n'));
		this.issues = issues;
	}
}

/** A broken invariant of ours: a defect, never the user's fault. `where` names the pass. */
export class InternalError extends Error {
	override readonly name = 'InternalError';

	constructor(where: string, message: string) {
		super(`${where}: ${message}`);
	}
}

/** Throws the one-issue CompileError; an expression, so that it can stand where a value is needed. */
export const refuse = (issue: Issue): never => {
	throw new CompileError([issue]);
};

/** What `attempt` gives; undefined when it throws CompileError: for one of several ways, of which another may do. */
export const unlessRefused = <T>(attempt: () => T): T | undefined => {
	try {
		return attempt();
	} catch (error) {
		if (error instanceof CompileError) return undefined;
		throw error;
	}
};
