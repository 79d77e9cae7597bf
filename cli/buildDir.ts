import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readBuildJson } from '../runtime/buildFolder.ts';
import { RefusedError } from '../runtime/errors.ts';
import { isList, isNumber, isRecord, isText } from '../runtime/programShape.ts';
import { makeFolder } from './folder.ts';

/** Writes the files of a build by their paths below `folder`. */
export const writeFiles = (folder: string, files: ReadonlyMap<string, Uint8Array | string>): void => {
	for (const [name, content] of files) {
		const path = join(folder, name);
		makeFolder(dirname(path));
		writeFileSync(path, content);
	}
};

/** What commands show of a report without asking whether it is there. */
const isReport = isRecord({
	model: isRecord({ name: isText, inputs: isList(isRecord({})), outputs: isList(isRecord({})) }),
	parameters: isRecord({ primes: isList(isNumber), why: isRecord({ text: isList(isText) }) }),
	counts: isRecord({}),
	keys: isRecord({ list: isList(isRecord({})) }),
	memory: isRecord({}),
	traffic: isRecord({}),
	predicted: isRecord({}),
	layers: isList(isRecord({ considered: isList(isRecord({})), composed: isList(isText) })),
	activations: isList(isRecord({})),
	range: isRecord({}),
	masking: isRecord({ outputs: isList(isRecord({ output: isText, leftovers: isNumber })) }),
	warnings: isList(isText),
});

/** The report of a build directory. Throws RefusedError 'program' for one of another version. */
export const readReport = (folder: string): unknown => {
	const path = join(folder, 'report.json');
	const report = readBuildJson(path);
	if (!isReport(report))
		throw new RefusedError(
			'program',
			`${path} lacks fields of a report, or has fields of the wrong type`,
			'Compile the model again with this version of onnx-seal',
		);
	return report;
};
