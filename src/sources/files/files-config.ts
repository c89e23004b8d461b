import { z } from 'zod';
import { pathText } from '../../ports/config-fields.ts';

const pattern = z
  .string()
  .min(1, 'must not be empty')
  .refine((text) => !text.startsWith('!'), 'cannot begin with "!": patterns do not take back one another')
  .refine((text) => text.replaceAll('/', '') !== '', 'must name something below the path')
  .refine((text) => !text.split('/').includes('..'), 'cannot lead out of the path with ".."');

export const filesSchema = z.strictObject({
  paths: z
    .array(pathText())
    .min(1, 'must name a path')
    .describe('directories and files to back up; a path that is a symbolic link is followed, links further down are kept as links'),
  exclude: z
    .array(pattern)
    .default([])
    .describe(
      'what to leave out: "*.tmp" and "cache/" at any depth, "logs/*.log" and "/tmp" from the path on, "**" for any folders between',
    ),
  include: z
    .array(pattern)
    .default([])
    .describe('when given, only what matches (or lies in a folder that matches) is backed up; "exclude" goes first'),
  allowEmpty: z
    .boolean()
    .default(false)
    .describe('accept a path with nothing in it; otherwise that fails, since it is often a drive that is not mounted'),
  oneFileSystem: z.boolean().default(false).describe('do not descend into other file systems that are mounted below a path'),
  xattrs: z.boolean().default(true).describe('carry extended attributes, ACLs and file capabilities'),
});

export type FilesConfig = z.infer<typeof filesSchema>;
