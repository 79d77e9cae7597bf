/**
 * The benchmarks by name; each is a script of its own, which says what it takes and prints.
 *
 * npm run bench [-- times|kernel|primitives|threads|throughput|start|batch|precision|accuracy|compare|growth|residual|bundle|suite|fuzz|large|load|federated|training|encryptedModel|http|programs [arguments]]
 */
const scripts: readonly string[] = [
	...['times', 'kernel', 'primitives', 'threads', 'throughput', 'start'],
	...['batch', 'precision', 'accuracy', 'compare', 'growth', 'residual', 'bundle', 'suite', 'fuzz', 'large'],
	...['load', 'federated', 'training', 'encryptedModel', 'http', 'programs'],
];
const [given = 'times'] = process.argv.splice(2, 1);
if (!scripts.includes(given)) {
	console.error(`There is no benchmark "${given}"; there are ${scripts.join(', ')}.`);
	process.exitCode = 2;
} else await import(`./${given}.ts`);
