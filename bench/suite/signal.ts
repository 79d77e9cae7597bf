/** What ends a process whose case takes too long. */
export const OUT_OF_TIME = 'SIGALRM';
