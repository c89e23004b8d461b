import type { Issue } from '../../domain/manifest.ts';

type TreeIssue = Omit<Issue, 'unit'>;

const maxListed = 1000;

/** Names the first thousand issues and counts the others, so that a tree of trouble stays a readable list. */
export class IssueList {
  readonly #listed: TreeIssue[] = [];
  readonly #unlisted = new Map<string, { readonly issue: TreeIssue; count: number }>();

  add(issue: TreeIssue): void {
    if (this.#listed.length < maxListed) {
      this.#listed.push(issue);
      return;
    }
    const key = `${issue.problem} ${issue.severity}`;
    const known = this.#unlisted.get(key);
    if (known === undefined) this.#unlisted.set(key, { issue, count: 1 });
    else known.count += 1;
  }

  all(): readonly TreeIssue[] {
    const summaries = [...this.#unlisted.values()].map(({ issue, count }) => ({
      ...issue,
      subject: `${count} more`,
      detail: `the first of them is ${issue.subject}: ${issue.detail}`,
    }));
    return [...this.#listed, ...summaries];
  }
}
