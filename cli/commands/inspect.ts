import { type Command, InvalidArgumentError } from 'commander';
import { refuse } from '../../compiler/errors.ts';
import { passNames } from '../../compiler/index.ts';
import type { Report } from '../../compiler/report.ts';
import { isFolder } from '../../runtime/buildFolder.ts';
import { readReport } from '../buildDir.ts';
import { UsageError } from '../errors.ts';
import { comparedReport, compileModel, readModel } from '../model.ts';
import { addCompileOptions, addOutputOptions, addTargetOption, type CompileArguments } from '../options.ts';
import { makeOutput, type Output } from '../output.ts';
import { inspectionText } from '../summary.ts';
import { refuseCompileOptions } from '../target.ts';

type Arguments = CompileArguments & { readonly after?: string };
type Stage = { readonly pass: string; readonly text: string };

/** In place of a pass: the program after each of them. */
const ALL = 'all';

const pass = (name: string): string => {
	if (name !== ALL && !passNames().includes(name))
		throw new InvalidArgumentError(`The passes are ${passNames().join(', ')}; "${ALL}" shows every one.`);
	return name;
};

/** The text of the program after the pass, or after each. */
const stagesOf = (path: string, given: Arguments, output: Output): readonly Stage[] => {
	const stages: Stage[] = [];
	compileModel(readModel(path), given, output, {
		observe: (event) => {
			if (given.after === ALL || event.pass === given.after) stages.push({ pass: event.pass, text: event.text() });
		},
	});
	return stages;
};

const inspectPasses = (path: string, given: Arguments, output: Output): void => {
	if (isFolder(path)) throw new UsageError(`${path} is compiled already and has no passes to show; give the model`);
	const stages = stagesOf(path, given, output);
	if (stages.length === 0)
		refuse({ code: 'option', message: `The pass "${given.after}" does not run for this model.` });
	output.result({ stages }, () =>
		given.after === ALL
			? stages.map(({ pass: name, text }) => `== after ${name}\n${text}`).join('\n\n')
			: stages.map(({ text }) => text).join('\n'),
	);
};

/** The report of a build directory. */
const reportOf = (path: string, given: Arguments): Report => {
	refuseCompileOptions(path, given, given.backend === undefined ? [] : ['--backend']);
	return readReport(path) as Report;
};

const inspect = (path: string, given: Arguments): void => {
	const output = makeOutput(given);
	if (given.after !== undefined) {
		inspectPasses(path, given, output);
		return;
	}
	const report = isFolder(path)
		? reportOf(path, given)
		: comparedReport(compileModel(readModel(path), given, output).compiled);
	output.result(report, () => inspectionText(report));
};

export const addInspect = (program: Command): void => {
	const command = program
		.command('inspect')
		.description('show what was decided for a model or a build and why, or the program after a pass')
		.argument('<model.onnx | build dir>')
		.option('--after <pass>', `the program after this pass, or after each ("${ALL}")`, pass)
		.action(inspect);
	addOutputOptions(addTargetOption(addCompileOptions(command)));
};
