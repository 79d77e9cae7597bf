#!/usr/bin/env node
// Plain JavaScript for any Node that knows modules: it looks at the version before it imports anything that needs a
// new one. An older Node hands over to the `node` package when that is installed beside, and else says what is missing.
const needed = [22, 18];
const found = process.versions.node.split('.').map(Number);
const isNew = found[0] > needed[0] || (found[0] === needed[0] && found[1] >= needed[1]);

function refuse() {
	process.stderr.write(
		`onnx-seal needs Node ${needed.join('.')} or newer and this is Node ${process.versions.node}. ` +
			'Install a newer Node, or add one to the project with "npm install --save-dev node@24" and start onnx-seal with npx.\n',
	);
	process.exitCode = 2;
}

/** Runs the same command line on the Node at `path`, with its streams, signals and exit status. */
function handOver(childProcess, path, script) {
	const child = childProcess.spawn(path, [script].concat(process.argv.slice(2)), {
		stdio: 'inherit',
		env: Object.assign({}, process.env, { ONNX_SEAL_HANDED_OVER: '1' }),
	});
	const forward = (signal) => child.kill(signal);
	process.on('SIGTERM', forward);
	process.on('SIGINT', forward);
	child.on('error', refuse);
	child.on('exit', (code, signal) => {
		process.removeListener('SIGTERM', forward);
		process.removeListener('SIGINT', forward);
		if (signal) process.kill(process.pid, signal);
		else process.exitCode = code;
	});
}

function findNewer() {
	return Promise.all([
		import('node:module'),
		import('node:fs'),
		import('node:path'),
		import('node:url'),
		import('node:child_process'),
	]).then((modules) => {
		const script = modules[3].fileURLToPath(import.meta.url);
		let binary;
		try {
			const manifest = modules[0].createRequire(script).resolve('node/package.json');
			binary = modules[2].join(modules[2].dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
		} catch (_) {
			return refuse();
		}
		if (process.env.ONNX_SEAL_HANDED_OVER || !modules[1].existsSync(binary)) return refuse();
		handOver(modules[4], binary, script);
	});
}

/** The sources when this is the repository, the built modules when it is an installed package. */
function start() {
	process.removeAllListeners('warning');
	// A reader that stops early (`| head`) is no error.
	process.stdout.on('error', (error) => {
		if (error.code === 'EPIPE') process.exit(0);
		throw error;
	});
	return import('node:fs').then((fs) => {
		const source = new URL('./main.ts', import.meta.url);
		const built = new URL('../dist/cli/main.js', import.meta.url);
		return import((fs.existsSync(source) ? source : built).href).then((program) => program.main(process.argv));
	});
}

if (isNew) start();
else findNewer();
