import type { CompileOptions, Traced } from '../../compiler/index.ts';
import { boxBlur } from './boxBlur.ts';
import { distance } from './distance.ts';
import { dotProduct } from './dotProduct.ts';
import { hamming } from './hamming.ts';
import { linear } from './linear.ts';
import { matrixVector } from './matrixVector.ts';
import { network } from './network.ts';
import { quadratic } from './quadratic.ts';
import { roberts } from './roberts.ts';
import { sobel } from './sobel.ts';

/** A program of encrypted inputs, and the same in plain JavaScript on row-major values in the order of the inputs. */
export type Example = {
	readonly program: Traced;
	readonly reference: (...inputs: Float64Array[]) => readonly number[];
	/** The largest less the smallest value that the result can take: what errors are relative to. */
	readonly range: number;
};

/** Encryption may be off by 2^-12 of the largest result, fitted roots by 0.0006 of their range. */
export const options: CompileOptions = { precision: 12, maxError: 6e-4 };

/** The ten programs that HEFactory is measured with, by name. */
export const examples: Readonly<Record<string, Example>> = {
	...{ boxBlur, dotProduct, sobel, hamming, distance },
	...{ linear, quadratic, roberts, matrixVector, network },
};
