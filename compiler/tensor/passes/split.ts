import type { TailOp } from '../../../runtime/plan.ts';
import { CompileError, type Issue } from '../../errors.ts';
import type { Samples } from '../../options.ts';
import { usesOf } from '../depth.ts';
import { tailOperandShape } from '../evaluate.ts';
import {
	type BodyKind,
	type Graph,
	type Id,
	type Node,
	nodeAt,
	type Output,
	operandsOf,
	type Shape,
	sizeOf,
} from '../graph.ts';
import { prune } from './prune.ts';
import { rewrite } from './rewrite.ts';

/** x * scale[i] + shift[i], done in the clear before encryption. */
export type Head = { readonly scale: Float64Array; readonly shift: Float64Array };
export type Tail = readonly TailOp[];
export type Split = {
	/** What is computed under encryption. Its outputs keep their names; their shapes are those before the tail. */
	readonly body: Graph<BodyKind>;
	/** By input name; inputs without an entry are encrypted as they are. */
	readonly heads: ReadonlyMap<string, Head>;
	/** By output name, for every output: what follows decryption, first to last. */
	readonly tails: ReadonlyMap<string, Tail>;
};

/**
 * Splits off what the client does in the clear: model(x) = tails(body(heads(x))).
 *
 * Tail: softmax, logSoftmax and argMax at the end of an output, and a sigmoid there unless the body uses its result as
 * well; shares, votes, labels looked up and elements picked after these; chains of them are kept in order, with a reshape
 * where shapes differ. The client then sees the operand, which
 * a sigmoid's result gives away in any case; after softmax and argMax it learns more than the model's output says.
 * Head: a diagonal affine map that is the only use of an input. Sound because both are moved whole, not changed.
 *
 * A tail operation whose result the body needs is refused with CompileError 'unsupported'; for softmax and logSoftmax
 * `inner-softmax` sees to it before.
 */
export const split = (graph: Graph): Split => {
	const live = prune(graph);
	const tails = new Map<string, Tail>();
	const uses = bodyUses(live);
	const outputs = live.outputs.map((output) => {
		const { encrypted, ops } = followTail(live, output, uses);
		tails.set(output.name, ops);
		return encrypted;
	});
	const trimmed = prune({ nodes: live.nodes, outputs });
	const misplaced = trimmed.nodes.filter((node) => node.kind === 'tail');
	if (misplaced.length > 0) throw new CompileError(misplaced.map(refusal));
	return { ...splitHeads(trimmed as Graph<BodyKind>), tails };
};

const refusal = (node: Node<'tail'>): Issue => ({
	code: 'unsupported',
	message: `${node.origin}: ${node.fn} is followed by further operations, and can only be computed after decryption`,
	hint: 'End the model at this node, or choose outputs that do not need what follows it.',
	node: node.origin,
	op: node.fn,
});

/** For every node, uses by nodes other than tails: a result without any is needed by outputs and tails only. */
const bodyUses = (graph: Graph): number[] => {
	const uses = graph.nodes.map(() => 0);
	for (const node of graph.nodes)
		if (node.kind !== 'tail') for (const x of operandsOf(node)) uses[x] = (uses[x] as number) + 1;
	return uses;
};

/** Walks from an output back to what has to be encrypted, collecting the client's operations. */
const followTail = (
	graph: Graph,
	output: Output,
	uses: readonly number[],
): { readonly encrypted: Output; readonly ops: Tail } => {
	const ops: TailOp[] = [];
	let id = output.id;
	let shape = output.shape;
	const before = (op: TailOp, result: Shape, operand: Shape): void => {
		if (!sameShape(result, shape)) ops.unshift({ op: 'reshape', shape });
		ops.unshift(op);
		shape = operand;
	};
	for (let node = nodeAt(graph.nodes, id); ; node = nodeAt(graph.nodes, id)) {
		if (node.kind === 'tail') {
			const operandShape = tailOperandShape(node, sizeOf(nodeAt(graph.nodes, node.x).shape));
			before(tailOp(node), shapeAfter(node), operandShape);
		} else if (node.kind === 'activation' && node.fn === 'sigmoid' && uses[id] === 0)
			before({ op: 'sigmoid' }, shape, shape);
		else return { encrypted: { name: output.name, id, shape }, ops };
		id = node.x;
	}
};

/** The shape that the client's operation gives: a selection has one axis. */
const shapeAfter = ({ fn, shape }: Node<'tail'>): Shape => (fn === 'select' ? [sizeOf(shape)] : shape);

const tailOp = ({ fn, axis, keepDims, selectLast, shape, values = [] }: Node<'tail'>): TailOp => {
	if (fn === 'lookup' || fn === 'select') return { op: fn, values };
	if (fn === 'votes') return { op: fn, classes: shape.at(-1) ?? 0 };
	return fn === 'argMax' ? { op: fn, axis, keepDims, selectLast } : { op: fn, axis };
};

const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** Moves leading diagonal maps into heads, one after another. One that is an output stays: it is the model's work. */
const splitHeads = (
	graph: Graph<BodyKind>,
): { readonly body: Graph<BodyKind>; readonly heads: ReadonlyMap<string, Head> } => {
	const heads = new Map<string, Head>();
	const uses = usesOf(graph);
	const isOutput = new Set(graph.outputs.map(({ id }) => id));
	/** New ids of inputs whose value after the head so far has one use. */
	const usedOnce = new Set<Id>();
	const body = rewrite<Node<BodyKind>, BodyKind>('split', graph, (node, builder, old) => {
		const found = isOutput.has(old) ? undefined : headOf(node, builder.nodes);
		const id = found !== undefined && usedOnce.has(found.x) ? found.x : builder.add(node);
		if (id === found?.x) {
			const earlier = heads.get(found.input.name);
			heads.set(found.input.name, earlier === undefined ? found.head : chain(earlier, found.head));
		}
		if (nodeAt<BodyKind>(builder.nodes, id).kind === 'input' && uses[old] === 1) usedOnce.add(id);
		else usedOnce.delete(id);
		return id;
	});
	for (const [name, { scale, shift }] of heads)
		if (scale.every((v) => v === 1) && shift.every((v) => v === 0)) heads.delete(name);
	return { body, heads };
};

/** The node as diag(scale) input + shift, when it is that. */
const headOf = (
	node: Node,
	nodes: readonly Node[],
): { readonly input: Node<'input'>; readonly x: Id; readonly head: Head } | undefined => {
	if (node.kind !== 'affine') return undefined;
	const [term] = node.terms;
	if (term === undefined || node.terms.length > 1) return undefined;
	const { x, matrix } = term;
	const input = nodeAt(nodes, x);
	if (input.kind !== 'input' || matrix.rows !== matrix.columns) return undefined;
	const scale = new Float64Array(matrix.rows);
	for (let i = 0; i < matrix.rows; i++)
		for (let k = matrix.rowStart[i] as number; k < (matrix.rowStart[i + 1] as number); k++) {
			if (matrix.columnOf[k] !== i) return undefined;
			scale[i] = matrix.values[k] as number;
		}
	return { input, x, head: { scale, shift: node.bias } };
};

const chain = (first: Head, second: Head): Head => ({
	scale: first.scale.map((s, i) => s * (second.scale[i] as number)),
	shift: second.shift.map((s, i) => s + (first.shift[i] as number) * (second.scale[i] as number)),
});

/** The value of an input after its head. */
export const applyHead = (head: Head | undefined, x: Float64Array): Float64Array =>
	head === undefined ? x : x.map((v, i) => v * (head.scale[i] as number) + (head.shift[i] as number));

/** Samples of the model's inputs as samples of the body's. */
export const throughHeads = (heads: ReadonlyMap<string, Head>, samples: Samples): Samples =>
	new Map([...samples].map(([name, values]) => [name, values.map((x) => applyHead(heads.get(name), x))]));
