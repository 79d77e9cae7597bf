import { hostClient } from './host.ts';

/** The Web Worker that holds the secret key: it makes keys, encrypts and decrypts for the page that started it. */
hostClient(globalThis);
