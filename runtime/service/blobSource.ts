import type { BlobStore } from './blobs.ts';
import { openDiskBlobs } from './diskBlobs.ts';

/** Where blobs are, in a form that another process can be told. */
export type BlobSource = { readonly kind: 'disk'; readonly folder: string };

export const openBlobs = (source: BlobSource): Promise<BlobStore> => openDiskBlobs(source.folder);
