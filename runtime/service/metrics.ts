import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { JobQueue } from './jobs.ts';
import type { KeyStore } from './keyStore.ts';

/** What a service counts, for Prometheus. Labels are routes, codes and states: nothing that a request could make up. */
export type ServiceMetrics = {
	readonly registry: Registry;
	readonly answered: (request: { readonly method: string; readonly route: string; readonly status: number }) => void;
	readonly refused: (code: string) => void;
	readonly received: (bytes: number) => void;
	readonly sent: (bytes: number) => void;
	readonly evaluated: (seconds: number) => void;
	/** What these tell is asked for whenever the metrics are. */
	readonly watch: (queue: Pick<JobQueue, 'load'>, keys: Pick<KeyStore, 'names'>) => void;
	/** Memory, CPU time and the like of this process, as well. */
	readonly watchProcess: () => void;
};

/** Counters in a registry of their own. */
export const makeMetrics = (): ServiceMetrics => {
	const registry = new Registry();
	const registers = [registry];
	const requests = new Counter({
		...{ name: 'onnx_seal_requests_total', help: 'Answered requests.', registers },
		labelNames: ['method', 'route', 'status'] as const,
	});
	const refusals = new Counter({
		...{ name: 'onnx_seal_refused_total', help: 'Refused requests, by the code of the refusal.', registers },
		labelNames: ['code'] as const,
	});
	const bytes = new Counter({
		...{ name: 'onnx_seal_bytes_total', help: 'Bytes of bodies received and sent.', registers },
		labelNames: ['direction'] as const,
	});
	const seconds = new Histogram({
		...{ name: 'onnx_seal_evaluation_seconds', help: 'Time from the start of an evaluation to its end.', registers },
		buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300],
	});
	return {
		registry,
		answered: ({ method, route, status }) => requests.inc({ method, route, status }),
		refused: (code) => refusals.inc({ code }),
		received: (count) => bytes.inc({ direction: 'in' }, count),
		sent: (count) => bytes.inc({ direction: 'out' }, count),
		evaluated: (duration) => seconds.observe(duration),
		watch: (queue, keys) => {
			addQueueGauge(registry, queue);
			addKeyGauge(registry, keys);
		},
		watchProcess: () => collectDefaultMetrics({ register: registry }),
	};
};

const addQueueGauge = (registry: Registry, queue: Pick<JobQueue, 'load'>): Gauge<'state'> =>
	new Gauge({
		name: 'onnx_seal_queue',
		help: 'Evaluations that wait and run, and workers; none of them while the queue cannot be reached.',
		labelNames: ['state'] as const,
		registers: [registry],
		async collect() {
			this.reset();
			const load = await queue.load().catch(() => ({}));
			for (const [state, count] of Object.entries(load)) this.set({ state }, count);
		},
	});

const addKeyGauge = (registry: Registry, keys: Pick<KeyStore, 'names'>): Gauge =>
	new Gauge({
		name: 'onnx_seal_key_parts',
		help: 'Evaluation keys that are stored.',
		registers: [registry],
		collect() {
			this.set(keys.names().length);
		},
	});
