/** Milliseconds of processor time that this process has taken: what one step takes, whatever else the machine does. */
export const cpuMilliseconds = (): number => {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1000;
};
