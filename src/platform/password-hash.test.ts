import { expect, it } from 'vitest';
import { openPasswordHash } from './password-hash.ts';

const passwords = openPasswordHash();

it('verifies the password that was hashed and no other', async () => {
  const hash = await passwords.hash('correct horse battery');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=47104,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/u);
  expect(hash).not.toContain('horse');
  expect(await passwords.verify('correct horse battery', hash)).toBe(true);
  expect(await passwords.verify('correct horse batterx', hash)).toBe(false);
  expect(await passwords.verify('', hash)).toBe(false);
});

it('salts: the same password is another hash each time', async () => {
  expect(await passwords.hash('correct horse battery')).not.toBe(await passwords.hash('correct horse battery'));
});

it('takes the same characters in another normal form for the same password', async () => {
  expect(await passwords.verify('cafe\u0301 cafe\u0301', await passwords.hash('caf\u00e9 caf\u00e9'))).toBe(true);
});

it('reads hashes of other parameters, made by the reference program', async () => {
  // echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 (the test vector of the reference implementation)
  const reference = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  expect(await passwords.verify('password', reference)).toBe(true);
  expect(await passwords.verify('passwore', reference)).toBe(false);
});

it.each([null, '', 'plain text', '$argon2id$v=19$m=99999999999,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'])(
  'refuses every password where there is no hash: %s',
  async (hash) => {
    expect(await passwords.verify('password', hash)).toBe(false);
  },
);

it('serves many that come at once', async () => {
  const hash = await passwords.hash('correct horse battery');
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, index) => passwords.verify(`correct horse batter${index === 3 ? 'y' : 'x'}`, hash)),
  );
  expect(answers).toEqual([false, false, false, true, false, false]);
});
