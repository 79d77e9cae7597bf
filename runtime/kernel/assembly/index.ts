/** What the module exports, as `../exports.ts` describes it. */
export { isFused } from './arithmetic';
export { combine } from './combine';
export { contextBytes, makeContext, useContext } from './context';
export { decompose, digitBytes } from './digits';
export { modDown, rescale } from './divide';
export { encode, encodeNumber, encoderBytes, makeEncoder } from './encoder';
export { galoisTable, keyBytes, relinearize, rotate, storeKeyRow } from './keys';
export { add, addMixed, addPlain, modSwitch, negate, subtract } from './pointwise';
export { multiply, square, sumProducts } from './products';
export { scratchBytes } from './scratch';
export { expandSeed } from './seed';
export { setThreads } from './threads';
export { forward as transform, inverse as inverseTransform } from './transform';
export { packRow, unpackRow } from './wire';
