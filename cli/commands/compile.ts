import { join } from 'node:path';
import type { Command } from 'commander';
import { writeBuild } from '../../compiler/codegen/index.ts';
import { writeFiles } from '../buildDir.ts';
import { compileModel, readModel } from '../model.ts';
import { addCompileOptions, addOutputOptions, type CompileArguments } from '../options.ts';
import { formatTime, makeOutput } from '../output.ts';
import { reportHtml } from '../reportHtml.ts';
import { reportJson, reportText } from '../summary.ts';

type Arguments = CompileArguments & { readonly output: string };

const compileTo = (path: string, given: Arguments): void => {
	const output = makeOutput(given);
	const { compiled, compileMs } = compileModel(readModel(path), given, output);
	const files = new Map(writeBuild(compiled)).set('report.html', reportHtml(compiled.report));
	writeFiles(given.output, files);
	for (const warning of compiled.report.warnings) output.note(`Warning: ${warning}`);
	output.result(
		{
			directory: given.output,
			files: [...files.keys()],
			model: compiled.report.model,
			...reportJson(compiled.report),
			timings: { compileMs },
		},
		() =>
			[
				reportText({ ...compiled.report, warnings: [] }),
				`Compiled in ${formatTime(compileMs)}. The client is in ${join(given.output, 'client')}, the server in ${join(given.output, 'server')}; ${join(given.output, 'report.html')} shows what was decided.`,
			].join('\n\n'),
	);
};

export const addCompile = (program: Command): void => {
	const command = program
		.command('compile')
		.description('compile a model into a client and a server')
		.argument('<model.onnx>')
		.option('-o, --output <dir>', 'where to write them', 'build')
		.action(compileTo);
	addOutputOptions(addCompileOptions(command));
};
