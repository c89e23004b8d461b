import { notifierAddress, notifyByHttp } from '../../platform/notify-by-http.ts';
import type { NotifierDescriptor } from '../../ports/notifier.ts';
import { webhookBody, type WebhookFormat } from './formats.ts';
import { formatOf, webhookConfig, type WebhookConfig } from './webhook-config.ts';

/** A message posted to an address: Slack, Discord, Teams workflows, ntfy, Gotify, or JSON for whatever listens. */
export const webhookNotifier: NotifierDescriptor<WebhookConfig> = {
  kind: 'webhook',
  title: 'Webhook (Slack, Discord, Teams, ntfy, Gotify, JSON)',
  schema: webhookConfig,
  place: (config) => notifierAddress(config.url, config).host,
  environment: [
    { variable: 'BACKUP_ALERT_WEBHOOK_URL', key: 'url', format: 'text', asks: true },
    { variable: 'BACKUP_ALERT_WEBHOOK_FORMAT', key: 'format', format: 'text', asks: false },
    { variable: 'BACKUP_ALERT_WEBHOOK_TOKEN', key: 'token', format: 'text', asks: false },
  ],
  open: (config) => ({
    async send(message, signal) {
      const url = notifierAddress(config.url, config);
      const format = formatOf(config.format, url);
      const token = config.token?.reveal();
      const { headers, body } = webhookBody(format, message);
      const secrets = token === undefined ? [] : [token];
      await notifyByHttp({ url, headers: { ...headers, ...tokenHeader(format, token) }, body, secrets }, signal);
    },
  }),
};

function tokenHeader(format: WebhookFormat, token: string | undefined): Record<string, string> {
  if (token === undefined) return {};
  return format === 'gotify' ? { 'x-gotify-key': token } : { authorization: `Bearer ${token}` };
}
