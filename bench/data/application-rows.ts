import { Prose } from './prose.ts';
import { Random } from './random.ts';

const agents = ['Mozilla/5.0 (X11; Linux x86_64)', 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)', 'curl/8.5.0'];
const eventKinds = ['page_view', 'click', 'login', 'logout', 'purchase', 'refund', 'upload', 'error'];
const mailHosts = ['gmail.com', 'example.com', 'outlook.com', 'posteo.de', 'acme.io'];
const orderStates = ['new', 'paid', 'shipped', 'done', 'void'];

const definitions = `
create table app_events (id bigint primary key, at timestamptz not null, kind text not null, actor uuid, note text, payload jsonb);
create table app_documents (id bigint primary key, slug text, title text, body text, updated timestamptz);
create table app_orders (id bigint primary key, customer uuid, total numeric(12,2), qty int, placed timestamptz, status text, email text);
`;

const indexes = `
create index on app_events (at);
create index on app_events (kind, at);
create index on app_documents (slug);
create index on app_orders (customer);
create index on app_orders (placed);
`;

/** A script for psql: an application's tables of events (JSON), documents (long text) and orders (numbers), with indexes. */
export function* applicationRows(events = 900_000, documents = 90_000, orders = 900_000): Generator<string> {
  const random = new Random(77);
  const prose = new Prose(random);
  yield definitions;
  yield* copied('app_events', events, (id) => event(id, random, prose));
  yield* copied('app_documents', documents, (id) => document(id, random, prose));
  yield* copied('app_orders', orders, (id) => order(id, random, prose));
  yield indexes;
}

function* copied(table: string, rows: number, row: (id: number) => readonly string[]): Generator<string> {
  yield `copy ${table} from stdin;\n`;
  let batch = '';
  for (let id = 0; id < rows; id++) {
    batch += `${row(id).join('\t')}\n`;
    if (batch.length < 1_000_000) continue;
    yield batch;
    batch = '';
  }
  yield `${batch}\\.\n`;
}

function event(id: number, random: Random, prose: Prose): string[] {
  const payload = {
    ip: Array.from({ length: 4 }, () => random.integer(0, 255)).join('.'),
    path: `/${Array.from({ length: random.integer(1, 4) }, () => prose.word()).join('/')}`,
    ua: random.pick(agents),
    ms: random.integer(1, 9000),
    ok: random.next() < 0.97,
    tags: Array.from({ length: random.integer(0, 4) }, () => prose.word()),
    session: random.hex(16),
  };
  return [String(id), time(random), random.pick(eventKinds), uuid(random), prose.sentence(random.integer(4, 20)), JSON.stringify(payload)];
}

function document(id: number, random: Random, prose: Prose): string[] {
  const title = prose.sentence(random.integer(3, 9));
  const slug = `${title.slice(0, -1).toLowerCase().replaceAll(' ', '-')}-${id}`;
  const paragraphs = Array.from({ length: random.integer(1, 9) }, () => prose.sentence(random.integer(20, 90)));
  return [String(id), slug, title, paragraphs.join('\\n\\n'), time(random)];
}

function order(id: number, random: Random, prose: Prose): string[] {
  const total = (random.integer(100, 99_999_999) / 100).toFixed(2);
  const email = `${prose.word()}${random.integer(1, 9999)}@${random.pick(mailHosts)}`;
  return [String(id), uuid(random), total, String(random.integer(1, 40)), time(random), random.pick(orderStates), email];
}

function uuid(random: Random): string {
  const digits = random.hex(32);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20)}`;
}

function time(random: Random): string {
  const two = (low: number, high: number) => String(random.integer(low, high)).padStart(2, '0');
  const micros = String(random.integer(0, 999_999)).padStart(6, '0');
  return `2026-${two(1, 6)}-${two(1, 28)} ${two(0, 23)}:${two(0, 59)}:${two(0, 59)}.${micros}+00`;
}
