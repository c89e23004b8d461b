import type { SourceDescriptor } from '../ports/descriptor.ts';
import { filesSource } from './files/files-source.ts';
import { postgresSource } from './postgres/postgres-source.ts';

/** Every kind of source that a plan can name. */
export const sourceDescriptors: readonly SourceDescriptor[] = [postgresSource, filesSource];
