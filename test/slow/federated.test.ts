import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compared } from '../../examples/federated/compared.ts';
import { runFederation, setUp } from '../../examples/federated/federation.ts';
import { usualFaults, usualRules } from '../../examples/federated/scenario.ts';
import { taskOf } from '../../examples/federated/tasks.ts';

/** Five users, one often late and one dying, twenty rounds, a process for each: what examples/federated/main.ts shows. */
const ROUNDS = 20;

for (const name of ['logistic', 'mlp'])
	test(`${name}: no round is lost, and the accuracy is that of plain federated averaging`, async () => {
		const folder = mkdtempSync(join(tmpdir(), 'onnx-seal-federated-'));
		const task = taskOf(name);
		const rules = usualRules(task, ROUNDS);
		const federation = { task, users: usualFaults(rules), rules, mostMs: 300_000 };
		try {
			await setUp(folder, federation);
			const outcome = await runFederation(folder, federation);
			assert.equal(
				outcome.rounds.map(({ round }) => round),
				Array.from({ length: ROUNDS }, (_, i) => i + 1),
			);
			for (const { present } of outcome.rounds) assert.ok(present.length >= rules.quorum);
			assert.ok(outcome.rounds.some(({ dropped }) => dropped.length > 0));
			const { encrypted, sameUsers, central, difference, agree } = compared(federation, outcome);
			assert.ok(agree);
			assert.ok(difference < 1e-4, String(difference));
			assert.ok(Math.abs(encrypted - sameUsers) <= 0.005, `${encrypted} and ${sameUsers}`);
			assert.ok(encrypted >= central - 0.03, `${encrypted} and ${central}`);
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
	});

test.run();
