export type Notices = {
	/** A connection failed; said once until it is back. */
	readonly lost: (error: Error) => void;
	readonly back: () => void;
	/** A command failed that was sent. */
	readonly failed: (error: unknown) => void;
	readonly once: (text: string) => void;
};

/** What an error is, in a word of the system's: its text may say more than a log should hold. */
const wordOf = (error: unknown): string => {
	if (!(error instanceof Error)) return 'unknown';
	// What Redis answers begins with a code: WRONGPASS, NOAUTH, LOADING.
	if (error.name === 'ReplyError') return error.message.split(' ', 1)[0] ?? error.name;
	return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
};

/** Tells what happens to a connection without repeating itself at every attempt. */
export const createNotices = (onNotice: (text: string) => void = () => {}): Notices => {
	const state = { lost: false };
	const told = new Set<string>();
	return {
		lost: (error) => {
			if (!state.lost) onNotice(`The queue cannot be reached (${wordOf(error)}).`);
			state.lost = true;
		},
		back: () => {
			if (state.lost) onNotice('The queue can be reached again.');
			state.lost = false;
		},
		failed: (error) => {
			// Of a connection that was lost, `lost` tells; this is what Redis refused: no memory, read only, no rights.
			if (error instanceof Error && error.name === 'ReplyError') onNotice(`Redis refused: ${error.message}`);
		},
		once: (text) => {
			if (!told.has(text)) onNotice(text);
			told.add(text);
		},
	};
};
