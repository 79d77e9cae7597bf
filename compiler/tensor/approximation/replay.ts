import { InternalError } from '../../errors.ts';
import { isDivisor } from '../activations.ts';
import { relativeError as relativeErrorOf } from '../agreement.ts';
import { compensate } from '../compensate.ts';
import { evaluate } from '../evaluate.ts';
import {
	type BodyKind,
	type Graph,
	GraphBuilder,
	type Id,
	type Node,
	operandsOf,
	type PolynomialKind,
} from '../graph.ts';
import { type Factor, factorsOf, squaresOf } from '../passes/factors.ts';
import { type Fitted, fitData } from '../passes/fits.ts';
import { rewrite } from '../passes/rewrite.ts';
import { emitWindow, fitWindow, type WindowForm } from '../windows.ts';
import { type Exact, pick, type Rows, rowsOf } from './exact.ts';
import { absorbed, type Plan, type Rung } from './plan.ts';

/** What takes the place of a node: a polynomial, the symmetric polynomial of a window, or a layer with other weights. */
export type Replacement =
	| { readonly kind: 'polynomial'; readonly fitted: Fitted }
	| { readonly kind: 'window'; readonly form: WindowForm }
	| { readonly kind: 'layer'; readonly node: Node<'affine'>; readonly gain: number };
export type Replacements = ReadonlyMap<Id, Replacement>;

/** A layer's rms error through the polynomials, relative to its rms about its mean. */
export type LayerError = { readonly origin: string; readonly relativeError: number };

/** A model with its functions replaced: by what, the values of its outputs on all samples, and how far its layers are off. */
export type Replayed = {
	readonly replacements: Replacements;
	readonly at: (id: Id) => Rows;
	readonly layers: readonly LayerError[];
	/** The same of what was replaced by polynomials. */
	readonly errors: ReadonlyMap<Id, number>;
};

export type ReplayOptions = {
	/** Samples that polynomials and layers are fitted to; the others see what becomes of them. */
	readonly fitted: readonly number[];
	/** Samples that errors are told of. */
	readonly judged: readonly number[];
	/** Are linear layers fitted anew behind polynomials? */
	readonly compensation: boolean;
	/** Largest relative rms error of what divides; undefined where its degree is given. */
	readonly divisorError?: number | undefined;
};

/**
 * The model with its functions replaced as planned, layer by layer beside the exact one: each polynomial is fitted to the
 * values that reach it through those before it, and each linear layer behind one is fitted anew so that it makes of these
 * values what the exact layer makes of the exact ones (see compensate.ts).
 */
export const replay = (graph: Graph<BodyKind>, exact: Exact, plan: Plan, options: ReplayOptions): Replayed => {
	const replacements = new Map<Id, Replacement>();
	const values = new Map<Id, Rows>();
	const layers: LayerError[] = [];
	const errors = new Map<Id, number>();
	const at = (id: Id): Rows => values.get(id) ?? (exact.rows[id] as Rows);
	const seen = (id: Id): Rows => pick(at(id), options.fitted);
	const free = absorbed(graph);
	const quotients = quotientsIn(graph);
	const lastUse = lastUses(graph);
	const replaced = (node: Node<BodyKind>, id: Id): Rows | undefined => {
		const rung = plan.get(id);
		if (node.kind === 'activation' && rung !== undefined) {
			const fitted = fitActivation(graph, { node, id, rung, free: free.has(id), exact, options, seen });
			replacements.set(id, { kind: 'polynomial', fitted });
			return rowsOf(polynomialOf(node, fitted), exact.samples, at);
		}
		if (node.kind === 'pooled' && rung !== undefined) {
			const operand = seen(node.x);
			const target = rowsOf(node, new Map([['', operand]]), () => operand);
			const form = fitWindow(node, { operand, target }, rung.levels);
			replacements.set(id, { kind: 'window', form });
			return windowRows(node, form, at(node.x));
		}
		if (!operandsOf(node).some((x) => values.has(x))) return undefined;
		const rows = rowsOf(node, exact.samples, at);
		if (node.kind !== 'affine' || !options.compensation || quotients.has(id)) return rows;
		const target = pick(exact.rows[id] as Rows, options.fitted);
		const refit = compensate(node, seen, target, pick(rows, options.fitted));
		if (refit.gain <= 0) return rows;
		replacements.set(id, { kind: 'layer', ...refit });
		return rowsOf(refit.node, exact.samples, at);
	};
	graph.nodes.forEach((node, id) => {
		const rows = replaced(node, id);
		if (rows !== undefined) {
			values.set(id, rows);
			const relativeError = relativeErrorOf(pick(exact.rows[id] as Rows, options.judged), pick(rows, options.judged));
			layers.push({ origin: node.origin, relativeError });
			if (plan.has(id)) errors.set(id, relativeError);
		}
		for (const x of operandsOf(node)) if (lastUse[x] === id) values.delete(x);
	});
	return { replacements, at, layers, errors };
};

/** Divisors, and affine maps of them: their errors count as what they are multiplied with makes of them, not as they are. */
const quotientsIn = ({ nodes }: Graph<BodyKind>): ReadonlySet<Id> => {
	const found = new Set<Id>();
	nodes.forEach((node, id) => {
		if (node.kind === 'activation' && isDivisor(node)) found.add(id);
		if (node.kind === 'affine' && node.terms.some(({ x }) => found.has(x))) found.add(id);
	});
	return found;
};

/** The last node that reads each; for outputs, one that does not exist. */
const lastUses = ({ nodes, outputs }: Graph<BodyKind>): readonly Id[] => {
	const last = nodes.map((_, id) => id);
	nodes.forEach((node, id) => {
		for (const x of operandsOf(node)) last[x] = id;
	});
	for (const { id } of outputs) last[id] = nodes.length;
	return last;
};

type Place = {
	readonly node: Node<'activation'>;
	readonly id: Id;
	readonly rung: Rung;
	/** Does a layer follow that takes a factor? */
	readonly free: boolean;
	readonly exact: Exact;
	readonly options: ReplayOptions;
	readonly seen: (id: Id) => Rows;
};

/** A degree 2^k needs a factor; it is taken where it is nearer than 2^k - 1, which it is not for odd functions. */
const WORTH = 0.97;

const fitActivation = (graph: Graph<BodyKind>, place: Place): Fitted => {
	const { node, id, rung, free, exact, options, seen } = place;
	const operand = seen(node.x);
	const met: readonly Factor[] = isDivisor(node) ? factorsOf(graph, id) : [];
	const squares =
		met.length === 0
			? undefined
			: operand.map((row, i) => squaresOf(met, row.length, (factor) => seen(factor)[i] as Float64Array));
	const exactRows = pick(exact.rows[node.x] as Rows, options.fitted);
	const data = { operand, exact: exactRows, squares };
	const fits = rung.degrees
		.filter((degree, k) => k === 0 || free || !Number.isInteger(Math.log2(degree)))
		.map((degree) => fitData(node, data, degree, options.divisorError));
	return fits.reduce((best, other) => (other.fit.rmsError < WORTH * best.fit.rmsError ? other : best));
};

export const polynomialOf = (
	{ x, shape, origin }: Node<'activation'>,
	{ series, inner }: Fitted,
): Node<'polynomial'> => ({
	...{ kind: 'polynomial', x, series, inner, shape, origin },
});

/** What a window's polynomial makes of its operand. */
const windowRows = (node: Node<'pooled'>, form: WindowForm, operand: Rows): Rows => {
	const builder = new GraphBuilder<PolynomialKind>();
	const shape = [operand[0]?.length ?? 0];
	const x = builder.add({ kind: 'input', name: 'x', shape, origin: node.origin });
	const graph = builder.build([{ name: 'y', id: emitWindow(form, builder, x), shape: node.shape }]);
	return operand.map((row) => evaluate(graph, new Map([['x', row]])).get('y') as Float64Array);
};

/** The graph with what takes the place of its nodes. */
export const replaceIn = ({ nodes, outputs }: Graph<BodyKind>, replacements: Replacements): Graph<PolynomialKind> => {
	const layers = nodes.map((node, id) => {
		const replacement = replacements.get(id);
		return replacement?.kind === 'layer' ? replacement.node : node;
	});
	return rewrite<Node<BodyKind>, PolynomialKind>('approximate', { nodes: layers, outputs }, (node, builder, old) => {
		const replacement = replacements.get(old);
		if (node.kind !== 'activation' && node.kind !== 'pooled') return builder.add(node);
		if (replacement?.kind === 'window') return emitWindow(replacement.form, builder, node.x);
		if (replacement?.kind === 'polynomial' && node.kind === 'activation')
			return builder.add(polynomialOf(node, replacement.fitted));
		throw new InternalError('approximate', `${node.kind} ${old} was not replaced`);
	});
};
