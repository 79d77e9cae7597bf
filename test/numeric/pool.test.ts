import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorPool } from '../../compiler/numeric/pool.ts';

test('a vector is used again after its last holder, not before', () => {
	const pool = new VectorPool(4);
	const first = pool.hold(pool.make());
	pool.hold(first);
	pool.release(first);
	assert.ok(pool.isOwned(first));
	assert.is.not(pool.make(), first);
	pool.release(first);
	assert.is(pool.make(), first);
});

test('vectors from elsewhere are left alone', () => {
	const pool = new VectorPool(4);
	const foreign = Float64Array.of(1, 2, 3, 4);
	assert.is(pool.hold(foreign), foreign);
	assert.not(pool.isOwned(foreign));
	pool.release(foreign);
	assert.is.not(pool.make(), foreign);
});

test.run();
