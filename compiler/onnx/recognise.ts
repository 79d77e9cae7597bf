import type { OpNode } from './call.ts';

/** The domain of operators that stand for several standard nodes. */
export const RECOGNISED = 'onnx-seal';

/** What a recogniser sees of the model: who computes a name, and the number a name is constantly, if it is one. */
type Model = {
	readonly producer: (name: string) => OpNode | undefined;
	readonly number: (name: string) => number | undefined;
};

/**
 * Activations that exporters spell out, put together again before anything is imported:
 *
 *     x * Sigmoid(x)                       = Silu(x)
 *     x * Tanh(Softplus(x))                = Mish(x)
 *     x * HardSigmoid(x)                   = HardSwish(x), for alpha = 1/6 and beta = 1/2
 *     x * (1 + Erf(x / sqrt 2)) * 0.5      = Gelu(x), factors in any order
 *
 * Only the last node is replaced; the others are dropped as dead code unless something else reads them. The last node
 * computes the same value as before, so that this is sound whatever else reads the inner ones.
 */
export const recognise = (nodes: readonly OpNode[], number: Model['number']): readonly OpNode[] => {
	const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
	const model: Model = { producer: (name) => producers.get(name), number };
	return nodes.map((node) => {
		if (!isStandard(node, 'Mul')) return node;
		const replaced = (op: string, x: string): OpNode => ({
			...node,
			op,
			domain: RECOGNISED,
			inputs: [x],
			attributes: [],
		});
		for (const [op, gateOf] of Object.entries(GATES)) {
			const x = gatedOperand(node, model, gateOf);
			if (x !== undefined) return replaced(op, x);
		}
		const gelu = geluOperand(node, model);
		return gelu === undefined ? node : replaced('Gelu', gelu);
	});
};

const isStandard = (node: OpNode | undefined, op: string): node is OpNode =>
	node !== undefined && node.op === op && node.domain === '';

/** The operands of the node behind `name` when it is an `op`. */
const operandsOf = (model: Model, name: string, op: string): readonly string[] | undefined => {
	const node = model.producer(name);
	return isStandard(node, op) ? node.inputs : undefined;
};

/** What x is multiplied by in x * gate(x), as a function from the name of gate(x) to that of x. */
const GATES: Readonly<Record<string, (model: Model, name: string) => string | undefined>> = {
	Silu: (model, name) => operandsOf(model, name, 'Sigmoid')?.[0],
	Mish: (model, name) => operandsOf(model, operandsOf(model, name, 'Tanh')?.[0] ?? '', 'Softplus')?.[0],
	HardSwish: (model, name) => {
		const node = model.producer(name);
		if (!isStandard(node, 'HardSigmoid')) return undefined;
		const numberOf = (attribute: string, absent: number): number =>
			node.attributes.find((given) => given.name === attribute)?.f ?? absent;
		const same = isAbout(numberOf('alpha', 0.2), 1 / 6) && isAbout(numberOf('beta', 0.5), 0.5);
		return same ? node.inputs[0] : undefined;
	},
};

/** x of x * gate(x), factors in any order. */
const gatedOperand = (
	{ inputs: [a = '', b = ''] }: OpNode,
	model: Model,
	gateOf: (model: Model, name: string) => string | undefined,
): string | undefined => {
	if (gateOf(model, b) === a) return a;
	return gateOf(model, a) === b ? b : undefined;
};

/** x of a product of x, 1 + Erf(x / sqrt 2) and 0.5. */
const geluOperand = (node: OpNode, model: Model): string | undefined => {
	const groups = node.inputs.map((name) => operandsOf(model, name, 'Mul') ?? [name]);
	const nested = [
		groups.flat(),
		[...(groups[0] ?? []), node.inputs[1] ?? ''],
		[node.inputs[0] ?? '', ...(groups[1] ?? [])],
	];
	for (const factors of nested) {
		if (factors.length !== 3) continue;
		const rest = factors.filter((name) => model.number(name) !== 0.5);
		const [a = '', b = ''] = rest;
		if (rest.length !== 2) continue;
		if (erfOperand(model, b) === a) return a;
		if (erfOperand(model, a) === b) return b;
	}
	return undefined;
};

/** x of 1 + Erf(x / sqrt 2). */
const erfOperand = (model: Model, name: string): string | undefined => {
	const summands = operandsOf(model, name, 'Add');
	const erf = summands?.find((summand) => model.number(summand) === undefined);
	if (summands?.length !== 2 || !summands.some((summand) => model.number(summand) === 1)) return undefined;
	const [argument = ''] = operandsOf(model, erf ?? '', 'Erf') ?? [];
	const [numerator, divisor = ''] = operandsOf(model, argument, 'Div') ?? [];
	if (numerator !== undefined && isAbout(model.number(divisor), Math.SQRT2)) return numerator;
	const factors = operandsOf(model, argument, 'Mul') ?? [];
	return factors.some((factor) => isAbout(model.number(factor), Math.SQRT1_2))
		? factors.find((factor) => model.number(factor) === undefined)
		: undefined;
};

/** Equal to float16 accuracy: half-precision exports round the constants. */
const isAbout = (value: number | undefined, expected: number): boolean =>
	value !== undefined && Math.abs(value - expected) < 1e-3 * expected;
