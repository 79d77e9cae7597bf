/** Programs written in TypeScript: `trace` records what a function computes of tensors, and `compile` takes that like a model. */
export * from './comparisons.ts';
export { Expression, type Nested, type Operand } from './expression.ts';
export * from './functions.ts';
export * from './operations.ts';
export * from './program.ts';
