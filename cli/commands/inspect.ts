import { type Command, InvalidArgumentError } from 'commander';
import { refuse } from '../../compiler/errors.ts';
import { passNames } from '../../compiler/index.ts';
import type { Report } from '../../compiler/report.ts';
import { isFolder, readReport } from '../buildDir.ts';
import { UsageError } from '../errors.ts';
import { compileModel, readModel } from '../model.ts';
import { addCompileOptions, addOutputOptions, type CompileArguments } from '../options.ts';
import { makeOutput } from '../output.ts';
import { reportText } from '../summary.ts';

type Arguments = CompileArguments & { readonly after?: string };
type Stage = { readonly pass: string; readonly text: string };

const pass = (name: string): string => {
	if (!passNames().includes(name)) throw new InvalidArgumentError(`The passes are ${passNames().join(', ')}.`);
	return name;
};

/** The text of the program after each pass that `wanted` names; what was seen before an error is kept. */
const stagesOf = (path: string, given: Arguments): readonly Stage[] => {
	const stages: Stage[] = [];
	compileModel(readModel(path), given, makeOutput(given), {
		observe: (event) => {
			if (given.after === undefined || event.pass === given.after)
				stages.push({ pass: event.pass, text: event.text() });
		},
	});
	return stages;
};

const inspect = (path: string, given: Arguments): void => {
	const output = makeOutput(given);
	if (isFolder(path)) {
		if (given.after !== undefined)
			throw new UsageError(`${path} is compiled already and has no passes to show; give the model`);
		const report = readReport(path) as Report;
		output.result(report, () => reportText(report));
		return;
	}
	const stages = stagesOf(path, given);
	if (given.after !== undefined && stages.length === 0)
		refuse({ code: 'option', message: `The pass "${given.after}" does not run for this model.` });
	output.result({ stages }, () =>
		given.after === undefined
			? stages.map(({ pass: name, text }) => `== after ${name}\n${text}`).join('\n\n')
			: stages.map(({ text }) => text).join('\n'),
	);
};

export const addInspect = (program: Command): void => {
	const command = program
		.command('inspect')
		.description('show the program after each pass, or the report of a build')
		.argument('<model.onnx | build dir>')
		.option('--after <pass>', 'only after this pass', pass)
		.action(inspect);
	addOutputOptions(addCompileOptions(command));
};
