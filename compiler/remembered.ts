/** What is known for a key, computed the first time. */
export const remembered = <K, V>(known: Map<K, V>, key: K, compute: () => V): V => {
	const found = known.get(key);
	if (found !== undefined) return found;
	const value = compute();
	known.set(key, value);
	return value;
};
