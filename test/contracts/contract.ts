import { describe, expect, it } from 'vitest';

/** One promise of a port, as a test that can be run over any implementation, a broken one too. */
export interface Clause<Subject> {
  readonly name: string;
  run(subject: Subject): Promise<void>;
}

/** Why a clause cannot hold for an implementation, by clause name. */
export type Skips = Readonly<Record<string, string>>;

export type Factory<Subject> = () => Promise<Subject & AsyncDisposable>;

/** Declares one test per clause. A skip must name a clause that exists and say why. */
export function describeContract<Subject>(
  title: string,
  contract: { readonly clauses: readonly Clause<Subject>[]; readonly make: Factory<Subject>; readonly skips?: Skips },
): void {
  const { clauses, make, skips = {} } = contract;
  describe(title, () => {
    it('skips only clauses that exist', () => {
      const names = clauses.map((clause) => clause.name);
      expect(Object.keys(skips).filter((name) => !names.includes(name))).toEqual([]);
    });
    for (const clause of clauses.filter(({ name }) => skips[name] === undefined)) {
      it(clause.name, async () => {
        await using subject = await make();
        await clause.run(subject);
      });
    }
  });
}

/** Tests the contract itself: every clause must fail on an implementation that is broken in just that way. */
export function describeContractTests<Subject>(
  title: string,
  contract: { readonly clauses: readonly Clause<Subject>[]; readonly broken: Readonly<Record<string, Factory<Subject>>> },
): void {
  const { clauses, broken } = contract;
  describe(title, () => {
    it('has a broken fake for every clause', () => {
      expect(Object.keys(broken).toSorted()).toEqual(clauses.map((clause) => clause.name).toSorted());
    });
    for (const clause of clauses) {
      it(`is failed by a fake that breaks it: ${clause.name}`, async () => {
        const make = broken[clause.name];
        if (make === undefined) throw new Error('no broken fake');
        await using subject = await make();
        await expect(clause.run(subject)).rejects.toThrow();
      });
    }
  });
}
