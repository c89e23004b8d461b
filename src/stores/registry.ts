import type { StoreDescriptor } from '../ports/descriptor.ts';
import { localStore } from './local/local-store.ts';

/** Every kind of store that a plan can name. */
export const storeDescriptors: readonly StoreDescriptor[] = [localStore];
