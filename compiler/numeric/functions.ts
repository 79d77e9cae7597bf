/** erf(x) = 2 / sqrt(pi) exp(-x^2) sum_k 2^k x^(2k+1) / (1 * 3 * ... * (2k+1)); one sign, so relative error ~1e-15. */
export const erf = (x: number): number => {
	if (Math.abs(x) >= 6) return Math.sign(x); // 1 - erf(6) is 2e-17
	let term = x;
	let sum = x;
	for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum); k++) {
		term *= (2 * x * x) / (2 * k + 1);
		sum += term;
	}
	return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
};

/** max(x, 0). */
export const relu = (x: number): number => Math.max(x, 0);

/** 1 / (1 + exp(-x)); no overflow for any finite x. */
export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** x * sigmoid(x), also called swish. */
export const silu = (x: number): number => x * sigmoid(x);

/** x * Phi(x) with Phi the normal distribution function: the Gelu of ONNX with approximate = "none". */
export const gelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));

/** x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))): the Gelu of ONNX with approximate = "tanh". */
export const geluTanh = (x: number): number =>
	0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

/** ln(1 + exp(x)); no overflow for any finite x. */
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** x / (1 + |x|). */
export const softsign = (x: number): number => x / (1 + Math.abs(x));

/** x * tanh(softplus(x)). */
export const mish = (x: number): number => x * Math.tanh(softplus(x));

/** x * max(0, min(1, x / 6 + 1 / 2)). */
export const hardSwish = (x: number): number => x * Math.max(0, Math.min(1, x / 6 + 0.5));

/** x for x >= 0, else alpha * x. */
export const leakyRelu = (x: number, alpha: number): number => (x >= 0 ? x : alpha * x);

/** x for x >= 0, else alpha * (exp(x) - 1). */
export const elu = (x: number, alpha: number): number => (x >= 0 ? x : alpha * Math.expm1(x));

/** min(max(x, low), high). */
export const clip = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** x for x > alpha, else 0. */
export const thresholdedRelu = (x: number, alpha: number): number => (x > alpha ? x : 0);
