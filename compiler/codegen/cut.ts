/** Edges u -> v with capacities; every edge is followed by its reverse, which starts without any. */
type Edges = { readonly to: number[]; readonly left: number[]; readonly from: number[][] };

/**
 * A choice between two sides for each of `nodes` things, at the least cost: an edge u -> v costs its capacity where u is on the
 * side of the source and v is not. Dinic's algorithm: a maximal flow has the capacity of a minimal cut.
 */
export class Cut {
	readonly source: number;
	readonly sink: number;
	readonly #edges: Edges;

	constructor(nodes: number) {
		this.source = nodes;
		this.sink = nodes + 1;
		this.#edges = { to: [], left: [], from: Array.from({ length: nodes + 2 }, () => []) };
	}

	/** Infinity: u on the side of the source has v there as well. */
	edge(u: number, v: number, capacity: number): void {
		const { to, left, from } = this.#edges;
		from[u]?.push(to.push(v) - 1);
		left.push(capacity);
		from[v]?.push(to.push(u) - 1);
		left.push(0);
	}

	/** Is each node on the side of the source? Of all minimal cuts, the one with the fewest nodes there. */
	solve(): readonly boolean[] {
		for (;;) {
			const distance = this.#distances();
			if (distance[this.sink] === -1) return distance.slice(0, this.source).map((steps) => steps >= 0);
			this.#block(distance);
		}
	}

	/** Steps from the source along edges with something left; -1 where none lead. */
	#distances(): number[] {
		const { to, left, from } = this.#edges;
		const distance: number[] = new Array(from.length).fill(-1);
		distance[this.source] = 0;
		const queue = [this.source];
		for (const u of queue)
			for (const e of from[u] as number[]) {
				const v = to[e] as number;
				if ((left[e] as number) === 0 || distance[v] !== -1) continue;
				distance[v] = (distance[u] as number) + 1;
				queue.push(v);
			}
		return distance;
	}

	/** Sends flow along shortest paths until none has anything left. */
	#block(distance: readonly number[]): void {
		const { to, left, from } = this.#edges;
		const next: number[] = new Array(from.length).fill(0);
		const path: number[] = [];
		let u = this.source;
		for (;;) {
			if (u === this.sink) {
				const flow = path.reduce((least, e) => Math.min(least, left[e] as number), Number.POSITIVE_INFINITY);
				for (const e of path) {
					left[e] = (left[e] as number) - flow;
					left[e ^ 1] = (left[e ^ 1] as number) + flow;
				}
				path.length = 0;
				u = this.source;
			}
			const e = from[u]?.[next[u] as number];
			if (e !== undefined) {
				const v = to[e] as number;
				if ((left[e] as number) > 0 && distance[v] === (distance[u] as number) + 1) {
					path.push(e);
					u = v;
				} else next[u] = (next[u] as number) + 1;
			} else {
				const last = path.pop();
				if (last === undefined) return;
				u = to[last ^ 1] as number;
				next[u] = (next[u] as number) + 1;
			}
		}
	}
}
