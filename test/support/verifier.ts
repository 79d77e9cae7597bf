import * as assert from 'uvu/assert';
import { InternalError } from '../../compiler/errors.ts';

/** Does a verifier throw an InternalError, with this message? */
export const assertFinds = (verify: () => void, message: RegExp): void => {
	try {
		verify();
	} catch (error) {
		assert.instance(error, InternalError);
		assert.match((error as Error).message, message);
		return;
	}
	assert.unreachable('nothing was found');
};
