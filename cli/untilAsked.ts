/** Resolves at the first signal that asks to end; the second one ends at once. */
export const untilAsked = (): Promise<void> =>
	new Promise((resolve) => {
		let asked = false;
		for (const signal of ['SIGTERM', 'SIGINT'] as const)
			process.on(signal, () => {
				if (asked) process.exit(1);
				asked = true;
				resolve();
			});
	});
