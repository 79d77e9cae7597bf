/**
 * The rounds of a federation as a state machine without clock and network: who is asked, who has answered, when a round is over. Times are
 * milliseconds of any one clock, given by the caller.
 *
 *     asked --acknowledge--> working --deliver--> delivered
 *       |                       |
 *       +-- after ackMs --------+-- after roundMs --> dropped: its chance of being chosen halves, its place goes to another user
 *
 * A round ends when nobody is waited for and `quorum` users have delivered, or when its time is over and as many have. With fewer it goes
 * on for the same time again, with other users in the place of those who have not delivered, or the same where there are no others. So no
 * round is lost while `quorum` users are left.
 */
export type RoundRules = {
	/** Users of a round at most: the inputs of the program. */
	readonly places: number;
	/** Updates without which a round does not end: a sum of few hides little. */
	readonly quorum: number;
	/** Within which a chosen user has to acknowledge, and within which to deliver. */
	readonly ackMs: number;
	readonly roundMs: number;
	readonly rounds: number;
};

type State = 'asked' | 'working' | 'delivered' | 'dropped';
type Place = { user: string; state: State; since: number; update: Uint8Array };

/** What a user is told when it asks. */
export type Assignment = {
	/** The round that is open; one more than the last when all are done. */
	readonly round: number;
	readonly state: 'wait' | 'train' | 'delivered' | 'done';
	/** Which input of the program is the user's in this round. */
	readonly place?: number;
};

/** Why something is not taken: `late` for a round that is over or a user that was dropped from it. */
export type Verdict = 'accepted' | 'duplicate' | 'late' | 'conflict' | 'not-chosen' | 'not-open';

/** What was in a round: users by name. */
export type RoundLog = {
	readonly round: number;
	readonly present: readonly string[];
	readonly dropped: readonly string[];
	/** How often it got its time once more. */
	readonly extended: number;
	readonly milliseconds: number;
};

/** The updates of a round that is over, by place; undefined where nobody delivered. */
export type Closed = { readonly log: RoundLog; readonly updates: readonly (Uint8Array | undefined)[] };

const WORST = 1 / 8;
const NOTHING = new Uint8Array(0);

export class Rounds {
	readonly #rules: RoundRules;
	readonly #random: () => number;
	/** How likely each user is to be chosen, relative to the others: 1 for those that never failed. */
	readonly #chances = new Map<string, number>();
	/** SHA-256 of the update that was taken, by round and user. */
	readonly #taken = new Map<string, string>();
	readonly #log: RoundLog[] = [];
	#places: Place[] = [];
	/** Who is not to be chosen in this round for now, and who was ever dropped from it. */
	#shut = new Set<string>();
	#late = new Set<string>();
	#round = 0;
	#opened = 0;
	#deadline = 0;
	#extended = 0;
	/** Between the last update and the average. */
	#closing = false;

	/** `random`: uniform in [0, 1), for the choice of users. */
	constructor(rules: RoundRules, random: () => number) {
		const { places, quorum } = rules;
		if (!(quorum >= 1 && quorum <= places)) throw new RangeError('a quorum is between 1 and the places of a round');
		this.#rules = rules;
		this.#random = random;
	}

	/** The round that is open or being added up; 0 before the first. */
	get round(): number {
		return this.#round;
	}

	/** Rounds whose average is there. */
	get finished(): number {
		return this.#log.length;
	}

	get log(): readonly RoundLog[] {
		return this.#log;
	}

	get chances(): ReadonlyMap<string, number> {
		return this.#chances;
	}

	/** Takes a user in; again for one that is back. */
	join(user: string): void {
		if (!this.#chances.has(user)) this.#chances.set(user, 1);
	}

	/** Opens the first round, or the next. */
	open(now: number): void {
		if (this.#round !== this.finished || this.finished === this.#rules.rounds) return;
		this.#round++;
		this.#opened = now;
		this.#deadline = now + this.#rules.roundMs;
		this.#extended = 0;
		this.#closing = false;
		this.#shut = new Set();
		this.#late = new Set();
		this.#places = [];
		this.#fill(now);
	}

	assignment(user: string): Assignment {
		const round = this.#round;
		if (this.finished === this.#rules.rounds) return { round: this.finished + 1, state: 'done' };
		const place = this.#places.findIndex((one) => one.user === user);
		const state = this.#places[place]?.state;
		if (this.#closing || state === undefined) return { round, state: 'wait' };
		return { round, place, state: state === 'delivered' ? 'delivered' : 'train' };
	}

	/** A chosen user says that it will train. Again is as good as once. */
	acknowledge(user: string, round: number, now: number): Verdict {
		const found = this.#find(user, round);
		if (typeof found === 'string') return found;
		if (found.state !== 'asked' && found.state !== 'dropped') return 'duplicate';
		found.state = 'working';
		found.since = now;
		return 'accepted';
	}

	/** What `deliver` would say, before the bytes are looked at. */
	verdictOn(user: string, round: number, digest: string): Verdict {
		const taken = this.#taken.get(`${round} ${user}`);
		if (taken !== undefined) return taken === digest ? 'duplicate' : 'conflict';
		const found = this.#find(user, round);
		return typeof found === 'string' ? found : 'accepted';
	}

	/** An update, already checked. The same again, also after the round, is a `duplicate`; another one of this user a `conflict`. */
	deliver(user: string, round: number, digest: string, update: Uint8Array): Verdict {
		const verdict = this.verdictOn(user, round, digest);
		const found = this.#find(user, round);
		if (verdict !== 'accepted' || typeof found === 'string') return verdict;
		found.state = 'delivered';
		found.update = update;
		this.#taken.set(`${round} ${user}`, digest);
		return 'accepted';
	}

	/** Drops who was too slow, extends the round where too few are left; returns it, once, when it is over. */
	tick(now: number): Closed | undefined {
		if (this.#closing || this.#round === this.finished) return undefined;
		for (const [i, { state, since }] of this.#places.entries())
			if (state === 'asked' && now - since > this.#rules.ackMs) this.#drop(i, now);
		const enough = this.#count('delivered') >= this.#rules.quorum;
		const waiting = this.#count('asked') + this.#count('working');
		if (enough && (waiting === 0 || now > this.#deadline)) return this.#close(now);
		if (now > this.#deadline) this.#extend(now);
		return undefined;
	}

	/** The average of the round that `tick` returned is there. */
	finish({ log }: Closed): void {
		this.#log.push(log);
	}

	#find(user: string, round: number): Place | Verdict {
		if (!Number.isSafeInteger(round) || round < 1 || round > this.#round) return 'not-open';
		if (round <= this.finished || this.#closing) return 'late';
		const place = this.#places.find((one) => one.user === user);
		return place ?? (this.#late.has(user) ? 'late' : 'not-chosen');
	}

	#count(state: State): number {
		return this.#places.filter((place) => place.state === state).length;
	}

	/** A user without a place in this round that is not shut out of it, by its chances; undefined where there is none. */
	#choose(): string | undefined {
		const free = [...this.#chances].filter(
			([user]) => !this.#shut.has(user) && !this.#places.some((place) => place.user === user),
		);
		let left = this.#random() * free.reduce((sum, [, chance]) => sum + chance, 0);
		for (const [user, chance] of free) {
			left -= chance;
			if (left < 0) return user;
		}
		return free.at(-1)?.[0];
	}

	#fill(now: number): void {
		while (this.#places.length < this.#rules.places) {
			const user = this.#choose();
			if (user === undefined) return;
			this.#places.push(placeOf(user, now));
		}
	}

	/** Another user in the place of one that was too slow; where there is none it may still deliver, but nobody waits for it. */
	#drop(index: number, now: number): void {
		const place = this.#places[index];
		if (place === undefined) return;
		place.state = 'dropped';
		this.#blame(place.user);
		this.#shut.add(place.user);
		const other = this.#choose();
		if (other !== undefined) this.#places[index] = placeOf(other, now);
	}

	/** Halves the chance of a user, once in a round. */
	#blame(user: string): void {
		if (this.#late.has(user)) return;
		this.#late.add(user);
		this.#chances.set(user, Math.max(WORST, (this.#chances.get(user) ?? 1) / 2));
	}

	/** The time of the round once more: all who are left may take the places of those who have not delivered. */
	#extend(now: number): void {
		this.#extended++;
		this.#deadline = now + this.#rules.roundMs;
		this.#shut.clear();
		for (const [i, { user, state }] of this.#places.entries()) {
			if (state === 'delivered') continue;
			this.#drop(i, now);
			if (this.#places[i]?.user === user) this.#places[i] = placeOf(user, now);
		}
		this.#fill(now);
	}

	#close(now: number): Closed {
		this.#closing = true;
		for (const { user, state } of this.#places)
			if (state === 'delivered') this.#chances.set(user, Math.min(1, 2 * (this.#chances.get(user) ?? 1)));
			else this.#blame(user);
		const present = this.#places.filter(({ state }) => state === 'delivered').map(({ user }) => user);
		const log = {
			round: this.#round,
			present,
			dropped: [...this.#late].filter((user) => !present.includes(user)),
			extended: this.#extended,
			milliseconds: now - this.#opened,
		};
		const updateAt = (i: number): Uint8Array | undefined =>
			this.#places[i]?.state === 'delivered' ? this.#places[i].update : undefined;
		return { log, updates: Array.from({ length: this.#rules.places }, (_, i) => updateAt(i)) };
	}
}

const placeOf = (user: string, now: number): Place => ({ user, state: 'asked', since: now, update: NOTHING });
