import { join } from 'node:path';
import type { Command } from 'commander';
import { writeBuild } from '../../compiler/codegen/index.ts';
import { writeFiles } from '../buildDir.ts';
import { measuredReport } from '../measure.ts';
import { comparedReport, compileModel, readModel } from '../model.ts';
import { addCompileOptions, addOutputOptions, addTargetOption, type CompileArguments } from '../options.ts';
import { formatTime, makeOutput } from '../output.ts';
import { reportHtml } from '../reportHtml.ts';
import { reportJson, reportText } from '../summary.ts';

type Arguments = CompileArguments & { readonly output: string; readonly measure?: boolean };

const compileTo = async (path: string, given: Arguments): Promise<void> => {
	const output = makeOutput(given);
	const { compiled, compileMs } = compileModel(readModel(path), given, output);
	const { program, stages } = compiled;
	const compared = comparedReport(compiled);
	const report = given.measure ? await measuredReport(compiled, compared, output) : compared;
	output.settle();
	const page = reportHtml(report, stages.solution.circuit);
	const files = new Map(writeBuild({ program, report })).set('report.html', page);
	writeFiles(given.output, files);
	for (const warning of report.warnings) output.note(`Warning: ${warning}`);
	output.result(
		{
			directory: given.output,
			files: [...files.keys()],
			model: report.model,
			...reportJson(report),
			timings: { compileMs },
		},
		() =>
			[
				reportText({ ...report, warnings: [] }),
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
		.option('--measure', 'also encrypt and evaluate one sample; the report shows what it took')
		.action(compileTo);
	addOutputOptions(addTargetOption(addCompileOptions(command)));
};
