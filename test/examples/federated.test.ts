import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { uniform } from '../../compiler/numeric/uniform.ts';
import {
	accuracy,
	type Examples,
	initialWeights,
	type Network,
	train,
	weightsIn,
} from '../../examples/federated/network.ts';
import { type Closed, type RoundRules, Rounds } from '../../examples/federated/rounds.ts';
import { partOf, taskOf } from '../../examples/federated/tasks.ts';
import { moved, updateOf, vectorOf } from '../../examples/federated/updates.ts';

const rules: RoundRules = { places: 3, quorum: 2, ackMs: 100, roundMs: 1000, rounds: 50 };
const bytes = Uint8Array.of(1);

const make = (users: readonly string[], changed: Partial<RoundRules> = {}, seed = 1): Rounds => {
	const rounds = new Rounds({ ...rules, ...changed }, uniform(seed));
	for (const user of users) rounds.join(user);
	return rounds;
};

/** Who is to train in the open round. */
const asked = (rounds: Rounds, users: readonly string[]): string[] =>
	users.filter((user) => rounds.assignment(user).state === 'train');

const finished = (rounds: Rounds, closed: Closed | undefined): Closed => {
	if (closed === undefined) throw new Error('the round is not over');
	rounds.finish(closed);
	return closed;
};

test('a round is over as soon as all have delivered, each in its place', () => {
	const users = ['a', 'b', 'c'];
	const rounds = make(users);
	rounds.open(0);
	assert.equal(asked(rounds, users), users);
	for (const user of users) {
		assert.is(rounds.acknowledge(user, 1, 1), 'accepted');
		assert.is(rounds.tick(2), undefined);
		assert.is(rounds.deliver(user, 1, user, bytes), 'accepted');
	}
	const { log, updates } = finished(rounds, rounds.tick(3));
	assert.equal([log.round, log.present.toSorted(), log.dropped, log.extended], [1, users, [], 0]);
	assert.is(updates.filter((update) => update === bytes).length, 3);
});

test('who does not acknowledge in time gives its place to another, who does not deliver in time is left out', () => {
	const users = ['a', 'b', 'c', 'd'];
	const rounds = make(users);
	rounds.open(0);
	const [silent = '', slow = '', good = ''] = asked(rounds, users);
	for (const user of [slow, good]) rounds.acknowledge(user, 1, 50);
	rounds.deliver(good, 1, 'x', bytes);
	rounds.tick(101);
	const other = users.find((user) => ![silent, slow, good].includes(user)) ?? '';
	assert.is(rounds.assignment(other).state, 'train');
	assert.is(rounds.assignment(silent).state, 'wait');
	assert.is(rounds.deliver(silent, 1, 'y', bytes), 'late');
	rounds.acknowledge(other, 1, 150);
	rounds.deliver(other, 1, 'z', bytes);
	assert.is(rounds.tick(1000), undefined);
	const { log, updates } = finished(rounds, rounds.tick(1001));
	assert.equal(log.present.toSorted(), [good, other].toSorted());
	assert.equal(log.dropped.toSorted(), [silent, slow].toSorted());
	assert.is(updates.filter((update) => update === undefined).length, 1);
	assert.equal(
		[silent, slow, good, other].map((user) => rounds.chances.get(user)),
		[0.5, 0.5, 1, 1],
	);
});

test('who has just lost a place does not get that of another, who keeps it where nobody is left', () => {
	const users = ['a', 'b', 'c', 'd'];
	const rounds = make(users);
	rounds.open(0);
	const placeOf = (user: string): number => rounds.assignment(user).place ?? 0;
	const [first = '', second = '', third = ''] = asked(rounds, users).toSorted((a, b) => placeOf(a) - placeOf(b));
	rounds.acknowledge(third, 1, 50);
	rounds.tick(101);
	assert.is(rounds.assignment(first).state, 'wait');
	assert.is(rounds.assignment(second).state, 'train');
	assert.is(rounds.acknowledge(second, 1, 150), 'accepted');
	rounds.tick(1001);
	assert.is(rounds.assignment(first).state, 'train');
});

test('a round with too few goes on with others, and with those who come back: it is not lost', () => {
	const users = ['a', 'b', 'c', 'd'];
	const rounds = make(users, { places: 2 });
	rounds.open(0);
	const first = asked(rounds, users);
	for (const user of first) rounds.acknowledge(user, 1, 1);
	assert.is(rounds.tick(1001), undefined);
	const second = asked(rounds, users);
	assert.is(second.length, 2);
	assert.not.equal(second, first);
	const [one = ''] = second;
	rounds.deliver(one, 1, 'x', bytes);
	for (const now of [1200, 2002, 2200, 3003]) assert.is(rounds.tick(now), undefined);
	const back = asked(rounds, users)[0] ?? '';
	rounds.acknowledge(back, 1, 3010);
	rounds.deliver(back, 1, 'y', bytes);
	const { log } = finished(rounds, rounds.tick(3020));
	assert.equal(log.present.toSorted(), [one, back].toSorted());
	assert.ok(log.extended >= 2);
});

test('late, repeated, contradicting, uncalled and early updates change nothing', () => {
	const users = ['a', 'b', 'c', 'd'];
	const rounds = make(users, { places: 2 });
	rounds.open(0);
	const [a = '', b = ''] = asked(rounds, users);
	const idle = users.find((user) => rounds.assignment(user).state === 'wait') ?? '';
	assert.is(rounds.deliver(idle, 1, 'x', bytes), 'not-chosen');
	assert.is(rounds.acknowledge(idle, 1, 1), 'not-chosen');
	assert.is(rounds.deliver(a, 2, 'x', bytes), 'not-open');
	assert.is(rounds.deliver(a, Number.NaN, 'x', bytes), 'not-open');
	rounds.deliver(a, 1, 'x', bytes);
	assert.is(rounds.deliver(a, 1, 'x', bytes), 'duplicate');
	assert.is(rounds.deliver(a, 1, 'other', Uint8Array.of(2)), 'conflict');
	rounds.deliver(b, 1, 'y', bytes);
	const { updates } = finished(rounds, rounds.tick(10));
	assert.equal(updates, [bytes, bytes]);
	assert.is(rounds.tick(11), undefined);
	assert.is(rounds.deliver(a, 1, 'x', bytes), 'duplicate');
	assert.is(rounds.deliver(idle, 1, 'z', bytes), 'late');
	rounds.open(12);
	assert.is(rounds.deliver(idle, 1, 'z', bytes), 'late');
	assert.is(rounds.acknowledge(a, 1, 13), 'late');
});

test('who fails often is chosen less often, and who comes back as often as before', () => {
	const users = ['a', 'b', 'c', 'd', 'e', 'f'];
	const rounds = make(users, { rounds: 1000 });
	const chosen = new Map(users.map((user) => [user, [0, 0]]));
	for (let k = 1; k <= 1000; k++) {
		rounds.open(0);
		for (const user of asked(rounds, users)) {
			const counts = chosen.get(user) ?? [];
			counts[k <= 500 ? 0 : 1] = (counts[k <= 500 ? 0 : 1] ?? 0) + 1;
			rounds.acknowledge(user, k, 0);
			if (user !== 'f' || k > 500) rounds.deliver(user, k, user, bytes);
		}
		finished(rounds, rounds.tick(1001));
	}
	const [early = 0, later = 0] = chosen.get('f') ?? [];
	assert.ok(early < 100 && early > 10, `${early} times of 500 while it failed`);
	assert.ok(later > 200, `${later} times of 500 afterwards`);
	assert.equal(rounds.assignment('a'), { round: 1001, state: 'done' });
});

test('whatever happens, rounds follow each other, with enough users, none of them twice, and only what they delivered', () => {
	const users = ['a', 'b', 'c', 'd', 'e'];
	const step = fc.record({
		user: fc.constantFrom(...users),
		act: fc.constantFrom('acknowledge', 'deliver', 'wait', 'wait long', 'join'),
		back: fc.integer({ min: 0, max: 1 }),
	});
	fc.assert(
		fc.property(fc.array(step, { maxLength: 200 }), fc.integer(), (steps, seed) => {
			const rounds = make(users.slice(0, 3), {}, seed);
			const accepted = new Map<number, Set<string>>();
			let now = 0;
			for (const { user, act, back } of steps) {
				rounds.open(now);
				const round = rounds.round - back;
				if (act === 'join') rounds.join(user);
				if (act === 'acknowledge') rounds.acknowledge(user, round, now);
				if (act === 'deliver' && rounds.deliver(user, round, user, bytes) === 'accepted')
					accepted.set(round, (accepted.get(round) ?? new Set()).add(user));
				now += act === 'wait' ? 60 : act === 'wait long' ? 1001 : 1;
				const closed = rounds.tick(now);
				if (closed === undefined) continue;
				const { round: over, present, dropped } = closed.log;
				assert.is(over, rounds.finished + 1);
				assert.ok(present.length >= rules.quorum && present.length <= rules.places);
				assert.is(new Set([...present, ...dropped]).size, present.length + dropped.length);
				assert.ok(present.every((one) => accepted.get(over)?.has(one)));
				assert.is(closed.updates.filter((update) => update !== undefined).length, present.length);
				rounds.finish(closed);
			}
			assert.ok([...rounds.chances.values()].every((chance) => chance >= 1 / 8 && chance <= 1));
		}),
	);
});

test('an update is no longer than it may be, its vector lies in [-1, 1], and a sum of vectors moves by the mean weighted by rows', () => {
	const task = { ...taskOf('logistic'), clip: 0.1 };
	const { all } = task.load();
	const weights = initialWeights(task.network, 1);
	const parts = [0, 1, 2].map((user) => partOf(all, 3, user));
	assert.is(parts.reduce((sum, { inputs }) => sum + inputs.length, 0), all.inputs.length); // biome-ignore format: one thought
	assert.is(new Set(parts.flatMap(({ inputs }) => inputs)).size, all.inputs.length);
	const updates = parts.map((rows, user) => updateOf(task, weights, rows, user, 1));
	const sum = new Float64Array(weights.length + 1);
	for (const [user, update] of updates.entries()) {
		const norm = Math.hypot(...update);
		assert.ok(norm > 0.0999 && norm < 0.1001, String(norm));
		const vector = vectorOf(update, task, parts[user]?.inputs.length ?? 0);
		assert.ok(vector.every((v) => Math.abs(v) <= 1));
		for (const [k, v] of vector.entries()) sum[k] = (sum[k] as number) + v;
	}
	const after = moved(weights, sum, task);
	const rows = parts.map(({ inputs }) => inputs.length);
	const total = rows.reduce((a, b) => a + b, 0);
	for (const [k, w] of after.entries()) {
		const mean = updates.reduce((t, update, user) => t + ((rows[user] ?? 0) * (update[k] ?? 0)) / total, 0);
		assert.ok(Math.abs(w - (weights[k] ?? 0) - mean) < 1e-12);
	}
	assert.throws(() => moved(weights, new Float64Array(weights.length + 1), task), /no update/);
	for (const wrong of [0, task.mostRows + 1, Number.NaN]) assert.throws(() => vectorOf(weights, task, wrong), /rows/);
	assert.equal([...updateOf({ ...task, training: { ...task.training, rate: 0 } }, weights, all, 0, 1)], [...weights].map(() => 0)); // biome-ignore format: one thought
});

test('networks learn what one layer cannot, and a convolution where in an image something is', () => {
	const next = uniform(5);
	const learnt = (network: Network, { inputs, labels }: Examples): number => {
		const start = initialWeights(network, 3);
		assert.is(start.length, weightsIn(network));
		const how = { epochs: 60, batch: 10, rate: 0.3, decay: 0, seed: 1 };
		return accuracy(network, train(network, start, { inputs, labels }, how), { inputs, labels });
	};
	const points = Array.from({ length: 200 }, () => Float64Array.of(2 * next() - 1, 2 * next() - 1));
	const either = { inputs: points, labels: points.map(([x = 0, y = 0]) => Number(x > 0 !== y > 0)) };
	const hidden: Network = [{ kind: 'dense', inputs: 2, outputs: 8 }, { kind: 'relu' }, { kind: 'dense', inputs: 8, outputs: 1 }]; // biome-ignore format: one thought
	assert.ok(learnt(hidden, either) > 0.95);
	assert.ok(learnt([{ kind: 'dense', inputs: 2, outputs: 1 }], either) < 0.8);
	const images = Array.from({ length: 100 }, (_, i) => {
		const image = new Float64Array(36);
		const corner = 6 * (1 + Math.floor(3 * next())) + 1 + Math.floor(3 * next());
		for (const d of i % 2 === 0 ? [0, 1, 2] : [0, 6, 12]) image[corner + d] = 1;
		return image;
	});
	const lines = { inputs: images, labels: images.map((_, i) => i % 2) };
	const network: Network = [{ kind: 'convolution', side: 6, maps: 4, kernel: 3, stride: 1 }, { kind: 'relu' }, { kind: 'dense', inputs: 64, outputs: 2 }]; // biome-ignore format: one thought
	assert.is(learnt(network, lines), 1);
});

test.run();
