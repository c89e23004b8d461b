import type { NotifierDescriptor } from '../ports/notifier.ts';
import { emailNotifier } from './email/email-notifier.ts';
import { healthchecksNotifier } from './healthchecks/healthchecks-notifier.ts';
import { webhookNotifier } from './webhook/webhook-notifier.ts';

/** Every kind of channel that a plan can name. */
export const notifierDescriptors: readonly NotifierDescriptor[] = [webhookNotifier, emailNotifier, healthchecksNotifier];
