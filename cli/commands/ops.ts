import type { Command } from 'commander';
import { supportedOps } from '../../compiler/onnx/ops/index.ts';
import { addOutputOptions } from '../options.ts';
import { makeOutput, type OutputOptions, table } from '../output.ts';

const listOps = (given: OutputOptions): void => {
	const ops = supportedOps();
	makeOutput(given).result({ ops }, () =>
		table(
			ops.map(({ domain, op, since, until, how, cost, note }) => [domain, op, `${since}-${until}`, how, cost, note]),
			['domain', 'operator', 'opsets', 'how', 'cost', 'remarks'],
		),
	);
};

export const addOps = (program: Command): void => {
	addOutputOptions(
		program
			.command('ops')
			.description('list the operators that are compiled: opsets, how they are computed, what they cost')
			.action(listOps),
	);
};
