/**
 * Settings that decide how rows look as text or how long a session may last, the same for pg_dump (by PGOPTIONS), for
 * our own COPY and for comparing a restored table: equal rows then give equal bytes, whatever a database or role has
 * set for itself. All exist since PostgreSQL 10.
 */
const sessionSettings: Readonly<Record<string, string>> = {
  timezone: 'UTC',
  datestyle: 'ISO',
  intervalstyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  xmlbinary: 'base64',
  standard_conforming_strings: 'on',
  quote_all_identifiers: 'off',
  search_path: '',
  // A scan that starts in the middle of a table would print its rows in another order.
  synchronize_seqscans: 'off',
  max_parallel_workers_per_gather: '0',
  // A row that a policy hides is an error, not a row less.
  row_security: 'off',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

/** The same as `-c` options, for PGOPTIONS and for a connection's own options. */
export const sessionOptions: string = Object.entries(sessionSettings)
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ');
