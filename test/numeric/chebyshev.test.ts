import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
	basis,
	clenshaw,
	degreeOf,
	divide,
	fromMonomials,
	nodes,
	toMonomials,
	trim,
} from '../../compiler/numeric/chebyshev.ts';

const repeatable = { seed: 7, numRuns: 200 };
const coefficient = fc.integer({ min: -1000, max: 1000 }).map((v) => v / 250);
const point = fc.integer({ min: -1000, max: 1000 }).map((v) => v / 1000);
const close = (a: number, b: number, tolerance: number): void => {
	assert.ok(Math.abs(a - b) <= tolerance, `${a} and ${b} differ by more than ${tolerance}`);
};

test('T_k(cos a) = cos(k a), by the recurrence and by Clenshaw', () => {
	for (let i = 0; i <= 50; i++) {
		const angle = (Math.PI * i) / 50;
		const values = basis(31, Math.cos(angle));
		assert.is(values.length, 32);
		values.forEach((value, k) => {
			close(value, Math.cos(k * angle), 1e-12);
			close(clenshaw([...new Array(k).fill(0), 1], Math.cos(angle)), Math.cos(k * angle), 1e-12);
		});
	}
});

test('Clenshaw sums the basis', () => {
	fc.assert(
		fc.property(fc.array(coefficient, { maxLength: 33 }), point, (c, t) => {
			const values = basis(Math.max(0, c.length - 1), t);
			close(
				clenshaw(c, t),
				c.reduce((sum, v, k) => sum + v * (values[k] as number), 0),
				1e-10,
			);
		}),
		repeatable,
	);
});

test('division by T_m gives p = quotient * T_m + remainder', () => {
	fc.assert(
		fc.property(fc.array(coefficient, { minLength: 2, maxLength: 33 }), fc.nat(40), point, (c, choice, t) => {
			const degree = c.length - 1;
			const least = Math.ceil(degree / 2);
			const m = Math.max(1, least + (choice % (degree - least + 1)));
			const { quotient, remainder } = divide(c, m);
			assert.is(remainder.length, m);
			assert.is(quotient.length, degree - m + 1);
			const product = clenshaw(quotient, t) * Math.cos(m * Math.acos(t));
			close(product + clenshaw(remainder, t), clenshaw(c, t), 1e-10);
		}),
		repeatable,
	);
});

test('conversion to monomials evaluates alike, and back again gives the same coefficients', () => {
	assert.equal(toMonomials([0, 0, 0, 0, 1]), [1, 0, -8, 0, 8]);
	fc.assert(
		fc.property(fc.array(coefficient, { minLength: 1, maxLength: 7 }), point, (c, t) => {
			const monomials = toMonomials(c);
			close(
				monomials.reduceRight((sum, m) => sum * t + m, 0),
				clenshaw(c, t),
				1e-10,
			);
			fromMonomials(monomials).forEach((v, k) => {
				close(v, c[k] as number, 1e-10);
			});
		}),
		repeatable,
	);
});

test('the nodes of T_m are its zeros', () => {
	for (const m of [1, 2, 5, 16]) {
		const zeros = nodes(m);
		assert.is(new Set(zeros).size, m);
		for (const t of zeros) close(basis(m, t)[m] as number, 0, 1e-12);
	}
});

test('trimming drops negligible coefficients and keeps one', () => {
	assert.equal(trim([1, 1e-14, 2, 1e-13]), [1, 0, 2]);
	assert.equal(trim([0, 0]), [0]);
	assert.equal(trim([1e-14, 1e-30]), [1e-14]);
	assert.is(degreeOf([3, 0, 1, 0]), 2);
	assert.is(degreeOf([0]), 0);
});

test.run();
