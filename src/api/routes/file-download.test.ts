import { createHash, randomBytes } from 'node:crypto';
import { link, mkdtempDisposable, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { call, runToItsEnd, serviceOfNotes, type LiveService } from '../../../test/fixtures/live-service.ts';
import { contentsPage, problem, snapshotDetail, type ContentsPage } from '../contract.ts';

type Headers = Readonly<Record<string, string>>;

const plan = (more = '') => `plans:
  notes:
    sources: [{ kind: files, paths: ["DIR/notes"] }]
    stores: [{ kind: local, path: "DIR/store", name: first }]
    ${more}
`;
const content = randomBytes(3_000_000);
const oddName = Buffer.from([0x6f, 0x64, 0x64, 0xff]);

interface Asked {
  readonly service: LiveService;
  readonly headers: Headers;
  readonly id: string;
}

async function writeOddFiles({ directory }: LiveService): Promise<void> {
  const notes = join(directory, 'notes');
  await writeFile(join(notes, 'big.bin'), content);
  await writeFile(join(notes, 'page.html'), '<script>alert(1)</script>');
  await writeFile(join(notes, 'empty'), '');
  await writeFile(join(notes, 'two\nlines "quoted".txt'), 'a name with a line break');
  await writeFile(Buffer.concat([Buffer.from(`${notes}/`), oddName]), 'a name that is not UTF-8');
  await link(join(notes, 'big.bin'), join(notes, 'zz-link.bin'));
  await symlink('big.bin', join(notes, 'symlink'));
  await using sparse = await open(join(notes, 'sparse.img'), 'w');
  await sparse.write(Buffer.from('begin'), 0, 5, 1_000_000);
  await sparse.truncate(5_000_000);
  await using endless = await open(join(notes, 'endless.img'), 'w');
  await endless.truncate(400_000_000);
}

async function backedUp(service: LiveService): Promise<Asked> {
  const headers = await service.as('operator');
  const { snapshotId } = await runToItsEnd(service, 'POST /api/v1/plans/notes/backups', { headers });
  return { service, headers, id: snapshotId ?? '' };
}

async function entriesOf({ service, headers, id }: Asked): Promise<ContentsPage['entries']> {
  const look = async (path: string) =>
    contentsPage.parse(await (await call(service, `GET /api/v1/snapshots/${id}/contents?path=${path}`, { headers })).json()).entries;
  const [top] = await look('');
  return await look(encodeURIComponent(top?.path ?? ''));
}

async function pathOf(asked: Asked, name: string): Promise<string> {
  const entry = (await entriesOf(asked)).find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`no ${name}`);
  const query = entry.pathBase64 === null ? { path: entry.path } : { pathBase64: entry.pathBase64 };
  return `GET /api/v1/snapshots/${asked.id}/file?${new URLSearchParams(query).toString()}`;
}

async function fetched(asked: Asked, name: string, headers: Headers = {}): Promise<Response> {
  return await call(asked.service, await pathOf(asked, name), { headers: { ...asked.headers, ...headers } });
}

async function refusal(response: Response): Promise<[number, string]> {
  const { status, code } = problem.parse(await response.json());
  return [status, code];
}

describe('one file out of a snapshot', () => {
  let asked: Asked;

  beforeAll(async () => {
    const service = await serviceOfNotes(plan());
    await writeOddFiles(service);
    asked = await backedUp(service);
  });
  afterAll(() => asked.service[Symbol.asyncDispose]());

  test.each([
    ['big.bin', content, 'attachment; filename="big.bin"'],
    ['zz-link.bin', content, 'attachment; filename="zz-link.bin"'],
    ['empty', Buffer.alloc(0), 'attachment; filename="empty"'],
    ['page.html', Buffer.from('<script>alert(1)</script>'), 'attachment; filename="page.html"'],
    [
      'two\nlines "quoted".txt',
      Buffer.from('a name with a line break'),
      `attachment; filename="two_lines _quoted_.txt"; filename*=UTF-8''two%0Alines%20%22quoted%22.txt`,
    ],
    [oddName.toString(), Buffer.from('a name that is not UTF-8'), `attachment; filename="odd_"; filename*=UTF-8''odd%EF%BF%BD`],
  ])('arrives as it was backed up, and as a file to keep: %j', async (name, bytes, disposition) => {
    const response = await fetched(asked, name);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/octet-stream']);
    expect(response.headers.get('content-disposition')).toBe(disposition);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
    expect(response.headers.get('content-length')).toBe(String(bytes.length));
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  });

  test('arrives with its holes', async () => {
    const bytes = Buffer.alloc(5_000_000);
    bytes.write('begin', 1_000_000);
    expect(Buffer.from(await (await fetched(asked, 'sparse.img')).arrayBuffer()).equals(bytes)).toBe(true);
  });

  test('is resumed where it was cut off, as long as it is the same', async () => {
    const etag = (await fetched(asked, 'big.bin')).headers.get('etag') ?? '';
    const rest = await fetched(asked, 'big.bin', { range: 'bytes=1500000-2499999', 'if-range': etag });
    expect([rest.status, rest.headers.get('content-range')]).toEqual([206, 'bytes 1500000-2499999/3000000']);
    expect(Buffer.from(await rest.arrayBuffer()).equals(content.subarray(1_500_000, 2_500_000))).toBe(true);
    expect((await fetched(asked, 'big.bin', { 'if-none-match': etag })).status).toBe(304);
    expect(await refusal(await fetched(asked, 'big.bin', { range: 'bytes=3000000-' }))).toEqual([416, 'RANGE_INVALID']);
  });

  test('that was asked for is in the audit, with who asked', async () => {
    await (await fetched(asked, 'empty')).arrayBuffer();
    const [entry] = await asked.service.context.state.audit.entries({ limit: 1 });
    expect(entry).toMatchObject({ actor: 'operator', act: 'download', target: asked.id, result: 'done' });
    expect(entry?.details['file']).toMatch(/notes\/empty$/u);
  });

  test('is for operators, and not for a token of another plan', async () => {
    const path = await pathOf(asked, 'empty');
    const viewer = await asked.service.as('viewer');
    expect(await refusal(await call(asked.service, path, { headers: viewer }))).toEqual([403, 'FORBIDDEN']);
    const bound = await asked.service.as('administrator', ['other']);
    expect(await refusal(await call(asked.service, path, { headers: bound }))).toEqual([404, 'SNAPSHOT_UNKNOWN']);
  });

  test('is nothing else: no folder, no link, no path that the listing has not', async () => {
    expect(await refusal(await fetched(asked, 'symlink'))).toEqual([400, 'REQUEST_INVALID']);
    expect(await refusal(await fetched(asked, 'deep'))).toEqual([400, 'REQUEST_INVALID']);
    const file = (path: string) =>
      call(asked.service, `GET /api/v1/snapshots/${asked.id}/file?path=${encodeURIComponent(path)}`, { headers: asked.headers });
    for (const path of ['', '/etc/passwd', '../../etc/passwd', 'metadata.json', 'nothing/here'])
      expect(await refusal(await file(path)), path).toEqual([404, 'NOT_FOUND']);
  });

  test('that nobody waits for any more makes room for the next, and is no damage', async () => {
    for (let download = 0; download < 6; download += 1) {
      const leave = new AbortController();
      const path = (await pathOf(asked, 'endless.img')).replace('GET ', '');
      const begun = () => fetch(`${asked.service.url}${path}`, { headers: asked.headers, signal: leave.signal });
      const response = await vi.waitUntil(async () => [await begun()].find(({ ok }) => ok), { timeout: 30_000 });
      await response.body?.getReader().read();
      leave.abort();
    }
    const detail = snapshotDetail.parse(await (await call(asked.service, `GET /api/v1/snapshots/${asked.id}`, asked)).json());
    expect(detail.verification).toMatchObject({ kind: 'passed' });
  });

  test('is looked up in contents that are read once: they page on when the listing is out of reach', async () => {
    const contents = `GET /api/v1/snapshots/${asked.id}/contents?limit=2`;
    const [top] = contentsPage.parse(await (await call(asked.service, contents, asked)).json()).entries;
    const store = join(asked.service.directory, 'store');
    for (const name of await readdir(store)) if (name.includes('contents')) await rm(join(store, name));
    const names: string[] = [];
    for (let next: string | null = ''; next !== null;) {
      const query: string = `&path=${encodeURIComponent(top?.path ?? '')}${next === '' ? '' : `&before=${next}`}`;
      const page: ContentsPage = contentsPage.parse(await (await call(asked.service, contents + query, asked)).json());
      names.push(...page.entries.map(({ name }) => name));
      next = page.next;
    }
    expect(names).toHaveLength(11);
    expect(new Set(names).size).toBe(11);
  });
});

test('a file whose bytes are damaged never arrives whole, and its snapshot counts as damaged from then on', async () => {
  await using service = await serviceOfNotes(plan('compression: none'));
  await writeOddFiles(service);
  const asked = await backedUp(service);
  const { parts } = snapshotDetail.parse(await (await call(service, `GET /api/v1/snapshots/${asked.id}`, asked)).json());
  const archive = join(service.directory, 'store', parts.find(({ role }) => role === 'archive')?.name ?? '');
  const bytes = await readFile(archive);
  const at = bytes.indexOf(content.subarray(0, 64)) + 10;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(archive, bytes);
  for (const headers of [{}, { range: 'bytes=1000000-' }]) {
    const response = await fetched(asked, 'big.bin', headers);
    await expect(response.arrayBuffer()).rejects.toThrow();
  }
  const detail = snapshotDetail.parse(await (await call(service, `GET /api/v1/snapshots/${asked.id}`, asked)).json());
  expect(detail.verification).toMatchObject({ kind: 'failed', findings: [expect.stringContaining('big.bin')] });
});

describe('an encrypted snapshot', () => {
  test('gives its files where the key is', async () => {
    const identity = await generateIdentity();
    await using directory = await mkdtempDisposable(join(tmpdir(), 'holdfast-key-'));
    const key = join(directory.path, 'key.txt');
    await writeFile(key, identity);
    const encryption = `{ recipients: [${await identityToRecipient(identity)}], identity: "\${file:${key}}" }`;
    await using service = await serviceOfNotes(plan(`encryption: ${encryption}`));
    const asked = await backedUp(service);
    expect(await (await fetched(asked, 'a.txt')).text()).toBe('one');
  });

  test('tells that its key is missing where it is', async () => {
    await using service = await serviceOfNotes(
      plan(`encryption: { recipients: [${await identityToRecipient(await generateIdentity())}] }`),
    );
    const { id, headers } = await backedUp(service);
    const response = await call(service, `GET /api/v1/snapshots/${id}/file?path=notes/a.txt`, { headers });
    expect(await refusal(response)).toEqual([409, 'KEY_MISSING']);
  });
});
