import { z } from 'zod';
import { isHoldfastError } from '../../domain/errors.ts';
import { notifierAddress } from '../../platform/notify-by-http.ts';
import { secretText } from '../../ports/config-fields.ts';
import { webhookFormats, type WebhookFormat } from './formats.ts';

export const webhookConfig = z
  .strictObject({
    url: secretText().describe('address that messages are posted to; https, unless it is this machine'),
    format: z
      .enum(['auto', ...webhookFormats])
      .default('auto')
      .describe('what the other side understands; auto tells Slack, Discord, Teams and ntfy.sh by their host, and sends json to others'),
    token: secretText().optional().describe('access token, for ntfy, gotify and json'),
    allowHttp: z.boolean().default(false).describe('post over http, which anybody on the way can read'),
  })
  .superRefine((config, context) => {
    try {
      const url = notifierAddress(config.url, config);
      const format = formatOf(config.format, url);
      if (config.token !== undefined && !takesToken.includes(format))
        context.addIssue({ code: 'custom', path: ['token'], message: `has no effect: ${format} takes none` });
      if (config.token === undefined && format === 'gotify')
        context.addIssue({ code: 'custom', path: ['token'], message: 'is missing: gotify wants the token of an application' });
    } catch (cause) {
      if (!isHoldfastError(cause)) throw cause;
      if (cause.code !== 'SECRET_MISSING') context.addIssue({ code: 'custom', path: ['url'], message: cause.message });
    }
  });

export type WebhookConfig = z.infer<typeof webhookConfig>;

const takesToken: readonly WebhookFormat[] = ['ntfy', 'gotify', 'json'];

const hosts: readonly (readonly [RegExp, WebhookFormat])[] = [
  [/^hooks\.slack(?:-gov)?\.com$/u, 'slack'],
  [/^(?:[a-z]+\.)?discord(?:app)?\.com$/u, 'discord'],
  [/\.(?:webhook\.office\.com|logic\.azure\.com|api\.powerplatform\.com)$/u, 'teams'],
  [/^ntfy\.sh$/u, 'ntfy'],
];

export function formatOf(format: WebhookConfig['format'], { hostname }: URL): WebhookFormat {
  return format === 'auto' ? (hosts.find(([host]) => host.test(hostname))?.[1] ?? 'json') : format;
}
