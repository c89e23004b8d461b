import { alertLines, alertText } from '../../domain/alert-text.ts';
import type { EventKind } from '../../domain/events.ts';
import { notifierAddress, notifyByHttp } from '../../platform/notify-by-http.ts';
import type { NotifierDescriptor, NotifierMessage } from '../../ports/notifier.ts';
import { healthchecksConfig, type HealthchecksConfig } from './healthchecks-config.ts';

/**
 * A dead man's switch that raises the alarm when pings stay away: it hears of each backup's start and end. Whatever else a
 * plan sends there is put into the check's log, and does not change its state.
 *
 * @see https://healthchecks.io/docs/http_api/
 */
export const healthchecksNotifier: NotifierDescriptor<HealthchecksConfig> = {
  kind: 'healthchecks',
  title: 'Pings to Healthchecks or its like',
  schema: healthchecksConfig,
  place: (config) => notifierAddress(config.url, config).host,
  always: ['backup-started', 'backup-succeeded', 'backup-degraded', 'backup-failed'],
  environment: [{ variable: 'BACKUP_HEALTHCHECKS_URL', key: 'url', format: 'text', asks: true }],
  open: (config) => ({
    async send(message, signal) {
      const url = pingAddress(notifierAddress(config.url, config), message);
      const headers = { 'content-type': 'text/plain; charset=utf-8' };
      await notifyByHttp({ url, headers, body: bodyOf(message), secrets: [] }, signal);
    },
  }),
};

const signals: Partial<Record<EventKind, string>> = {
  'backup-started': '/start',
  'backup-succeeded': '',
  'backup-degraded': '/fail',
  'backup-failed': '/fail',
};

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;

function pingAddress(base: URL, { event }: NotifierMessage): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/u, '')}${signals[event.kind] ?? '/log'}`;
  // Tells runs apart, so that durations are right; the service takes UUIDs alone.
  if (event.run !== null && uuid.test(event.run.key)) url.searchParams.set('rid', event.run.key);
  return url;
}

/** It keeps the first 10 kB. */
function bodyOf(message: NotifierMessage): string {
  const told = alertText(message);
  return [told.title, ...alertLines(told)].join('\n').slice(0, 2500);
}
