import type { Program } from '../../runtime/plan.ts';
import { clientModule, clientTypes, serverModule, serverTypes } from './modules.ts';

/** The files of a build directory by path; the same compilation gives the same bytes. */
export const writeBuild = ({
	program,
	report,
}: {
	readonly program: Program;
	/** Plain JSON. */
	readonly report: object;
}): ReadonlyMap<string, Uint8Array | string> => {
	const { client, server, constants } = program;
	return new Map<string, Uint8Array | string>([
		['client/program.json', `${JSON.stringify(client)}\n`],
		['client/index.js', clientModule(client)],
		['client/index.d.ts', clientTypes(client)],
		['server/program.json', `${JSON.stringify(server)}\n`],
		['server/constants.bin', littleEndian(constants)],
		['server/index.js', serverModule(server)],
		['server/index.d.ts', serverTypes()],
		['package.json', `${JSON.stringify({ private: true, type: 'module' }, undefined, '\t')}\n`],
		['report.json', `${JSON.stringify(report, undefined, '\t')}\n`],
	]);
};

const littleEndian = (values: Float64Array): Uint8Array => {
	const bytes = new Uint8Array(8 * values.length);
	const view = new DataView(bytes.buffer);
	values.forEach((value, i) => {
		view.setFloat64(8 * i, value, true);
	});
	return bytes;
};
