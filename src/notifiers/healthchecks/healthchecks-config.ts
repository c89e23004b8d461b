import { z } from 'zod';
import { isHoldfastError } from '../../domain/errors.ts';
import { notifierAddress } from '../../platform/notify-by-http.ts';
import { secretText } from '../../ports/config-fields.ts';

export const healthchecksConfig = z
  .strictObject({
    url: secretText().describe('ping address of the check, such as https://hc-ping.com/UUID; https, unless it is this machine'),
    allowHttp: z.boolean().default(false).describe('ping over http, which anybody on the way can read'),
  })
  .superRefine((config, context) => {
    try {
      notifierAddress(config.url, config);
    } catch (cause) {
      if (!isHoldfastError(cause)) throw cause;
      if (cause.code !== 'SECRET_MISSING') context.addIssue({ code: 'custom', path: ['url'], message: cause.message });
    }
  });

export type HealthchecksConfig = z.infer<typeof healthchecksConfig>;
