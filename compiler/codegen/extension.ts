import type { CkksCircuit, Id, Op } from '../ckks/circuit.ts';
import { operandsOf } from '../slots/circuit.ts';
import { Cut } from './cut.ts';

/**
 * Where values are extended. Key switching gives a result over P as well, standing for P times the value, and linear operations
 * may go on with that: the division by P is done at once, later for a whole sum, or together with a rescale.
 */
export type Extension = {
	/** Is the value extended when it is computed? */
	readonly computed: readonly boolean[];
	/** Do linear operations read it extended? Else they read it divided by P; what it is divided for besides is in `divided`. */
	readonly passed: readonly boolean[];
	/** Is the value needed divided by P, though it was computed extended? */
	readonly divided: readonly boolean[];
};

/** Costs for p primes, about as measured (`costTable.ts`); the unit is a quarter of the number theoretic transform of one row. */
const COSTS = {
	/** Of two polynomials, rows of P to coefficients, and these to every prime. */
	divide: (p: number): number => 4 * (2 + 2 * p),
	/** What a rescale takes more: the rows of P of two polynomials to coefficients. */
	rescale: 4 * 2,
	/** What a decomposition takes more: one polynomial divided by P first. */
	decompose: (p: number): number => 4 * (1 + p),
	/** What a product with a plaintext, and a sum, take more: two rows. */
	product: 2,
	sum: 1,
};

/**
 * The cheapest extension, as a minimal cut: a value extended when computed is on the source's side, and so is one that is read
 * extended. A value of the first kind that is not of the second costs a division by P, one that is read extended costs what its readers
 * take more for it, and makes the results of linear readers extended. In practice, linear in the number of operations.
 */
export const extensionOf = (circuit: CkksCircuit): Extension => {
	const { ops } = circuit;
	const needs = needsOf(circuit);
	const switched = ops.map(({ kind }) => kind === 'rotate' || kind === 'relinearize');
	const able: boolean[] = [];
	ops.forEach((op, id) => {
		able.push(switched[id] === true || (isLinear(op) && operandsOf(op).some((operand) => able[operand])));
	});
	const cut = new Cut(2 * ops.length);
	ops.forEach((op, id) => {
		if (!able[id]) return;
		const p = op.level + 1;
		const [computed, passed] = [2 * id, 2 * id + 1];
		cut.edge(computed, passed, COSTS.divide(p));
		if (switched[id]) cut.edge(cut.source, computed, Number.POSITIVE_INFINITY);
		else
			for (const operand of new Set(operandsOf(op)))
				if (able[operand]) cut.edge(2 * operand + 1, computed, Number.POSITIVE_INFINITY);
		if (op.kind === 'multiplyPlain') cut.edge(computed, cut.sink, COSTS.product);
		if (op.kind === 'add' || op.kind === 'subtract') cut.edge(computed, cut.sink, COSTS.sum);
		const { divided, rotated, rescaled } = needs[id] as Needs;
		if (divided) cut.edge(passed, cut.sink, COSTS.divide(p));
		else cut.edge(passed, cut.sink, (rotated ? COSTS.decompose(p) : 0) + (rescaled ? COSTS.rescale : 0));
	});
	const side = cut.solve();
	const computed = ops.map((_, id) => able[id] === true && side[2 * id] === true);
	const passed = ops.map((_, id) => computed[id] === true && side[2 * id + 1] === true);
	return {
		computed,
		passed,
		divided: computed.map((extended, id) => extended && (!passed[id] || (needs[id] as Needs).divided)),
	};
};

/** Does the result have the operands' factor of P? Only polynomials beside them of the same number do. */
const isLinear = ({ kind, size }: Op): boolean => size === 2 && LINEAR.has(kind);

const LINEAR: ReadonlySet<Op['kind']> = new Set([
	'add',
	'subtract',
	'negate',
	'addPlain',
	'multiplyPlain',
	'modSwitch',
]);

/** What the readers of a value that are not linear do with it. */
type Needs = { divided: boolean; rotated: boolean; rescaled: boolean };

const needsOf = ({ ops, outputs }: CkksCircuit): readonly Needs[] => {
	const needs = ops.map((): Needs => ({ divided: false, rotated: false, rescaled: false }));
	const at = (id: Id): Needs => needs[id] as Needs;
	for (const op of ops)
		for (const operand of operandsOf(op)) {
			if (op.kind === 'rotate') at(operand).rotated = true;
			else if (op.kind === 'rescale') at(operand).rescaled = true;
			else if (!isLinear(op)) at(operand).divided = true;
		}
	for (const { parts } of outputs) for (const id of parts) at(id).divided = true;
	return needs;
};
