import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

/** It asks nobody for anything by itself, and finds no other host than this one. All its pages are ours: root has no sandbox for others. */
const FLAGS = [
	...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
	...['--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage'],
	'--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

const canRun = (file: string): boolean => {
	try {
		accessSync(file, constants.X_OK);
		return true;
	} catch {
		return false;
	}
};

/** The browser of the system: what CHROMIUM names, or `chromium` of the path. */
const chromiumFile = (): string => {
	const { CHROMIUM, PATH = '' } = process.env;
	const files = CHROMIUM ? [CHROMIUM] : PATH.split(delimiter).map((folder) => join(folder, 'chromium'));
	const found = files.find(canRun);
	if (found === undefined)
		throw new Error(
			`there is no ${CHROMIUM ?? 'chromium'}: install it (Debian: apt-get install chromium), or name one in CHROMIUM`,
		);
	return found;
};

/** Starts a browser without a window; it ends with this process. Throws where none is installed. */
export const startChromium = (): Promise<Browser> => chromium.launch({ executablePath: chromiumFile(), args: FLAGS });
