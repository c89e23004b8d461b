import type { NotifierDescriptor } from '../ports/notifier.ts';

/** Every kind of channel that a plan can name. */
export const notifierDescriptors: readonly NotifierDescriptor[] = [];
