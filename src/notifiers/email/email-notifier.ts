import type { NotifierDescriptor } from '../../ports/notifier.ts';
import { emailConfig, type EmailConfig } from './email-config.ts';

/** Mail, handed in at an SMTP server. */
export const emailNotifier: NotifierDescriptor<EmailConfig> = {
  kind: 'email',
  title: 'E-mail',
  schema: emailConfig,
  place: ({ to }) => to.join(', '),
  environment: [
    { variable: 'BACKUP_ALERT_EMAIL', key: 'to', format: 'names', asks: true },
    { variable: 'BACKUP_ALERT_EMAIL_FROM', key: 'from', format: 'text', asks: false },
    { variable: 'BACKUP_SMTP_URL', key: 'smtp', format: 'text', asks: false },
  ],
  open: (config) => ({
    async send(message, signal) {
      const { handIn } = await import('./hand-in.ts');
      await handIn(config, message, signal);
    },
  }),
};
