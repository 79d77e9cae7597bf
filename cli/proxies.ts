import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';

/** An address, or a network: 10.0.0.0/8. */
const isNetwork = (text: string): boolean => {
	const [, address = text, bits] = /^(.*)\/(\d{1,3})$/.exec(text) ?? [];
	const family = isIP(address);
	return family !== 0 && Number(bits ?? 1) >= 1 && Number(bits ?? 1) <= (family === 4 ? 32 : 128);
};

/** The proxies that are trusted: addresses and networks with commas between. */
export const proxies = (text: string): readonly string[] => {
	const list = text.split(',').map((part) => part.trim());
	if (!list.every(isNetwork))
		throw new InvalidArgumentError('It takes addresses or networks with commas between, as 10.0.0.1,192.168.0.0/16.');
	return list;
};
