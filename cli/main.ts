import { Command, CommanderError } from 'commander';
import { addAudit } from './commands/audit.ts';
import { addCompile } from './commands/compile.ts';
import { addDemo } from './commands/demo.ts';
import { addEvaluate } from './commands/evaluate.ts';
import { addFiles } from './commands/files.ts';
import { addInspect } from './commands/inspect.ts';
import { addOps } from './commands/ops.ts';
import { addRun } from './commands/run.ts';
import { addServe } from './commands/serve.ts';
import { addWorker } from './commands/worker.ts';
import { explain } from './errors.ts';
import { settleAll } from './output.ts';
import { packageVersion } from './package.ts';

const build = (): Command => {
	const program = new Command('onnx-seal')
		.description('Compiles ONNX models into programs that run on encrypted data.')
		.version(packageVersion())
		.exitOverride()
		.showHelpAfterError('(onnx-seal --help says more)')
		.configureHelp({ sortSubcommands: false });
	for (const add of [
		addCompile,
		addRun,
		addEvaluate,
		addInspect,
		addOps,
		addFiles,
		addAudit,
		addDemo,
		addServe,
		addWorker,
	])
		add(program);
	return program;
};

/** Runs one command line; the only place that sets the exit status. */
export const main = async (argv: readonly string[]): Promise<void> => {
	const program = build();
	try {
		if (argv.length <= 2) program.help({ error: true });
		await program.parseAsync([...argv]);
	} catch (error) {
		settleAll();
		const { status, paragraphs } = explain(error);
		if (!(error instanceof CommanderError)) for (const text of paragraphs) process.stderr.write(`${text}\n`);
		process.exitCode = status;
	}
};
