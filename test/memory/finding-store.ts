import type { Finding, FindingStore } from '../../lib/findings/finding.ts';

/** Findings in memory, held to the same contract as the real store. */
export function createMemoryFindingStore(): FindingStore & { all(): readonly Finding[] } {
  const documents = new Map<string, { value: Finding; etag: string }>();
  let version = 0;
  const put = (value: Finding): string => {
    const etag = `"${++version}"`;
    documents.set(value.id, { value: structuredClone(value), etag });
    return etag;
  };
  const sorted = () => [...documents.values()].map(({ value }) => value).sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    all: sorted,
    async create(finding) {
      return documents.has(finding.id) ? undefined : put(finding);
    },
    async replace({ value, etag }) {
      return documents.get(value.id)?.etag === etag ? put(value) : undefined;
    },
    async read(id) {
      return structuredClone(documents.get(id));
    },
    async ofSubjects(subjects) {
      const isAsked = (finding: Finding) =>
        subjects.some(({ type, id }) => type === finding.subject.type && id === finding.subject.id);
      const found = [...documents.values()].filter(({ value }) => value.state !== 'gone' && isAsked(value));
      return structuredClone(found);
    },
    async list({ kind, severity, state, enrollmentGroups }, { size, continuation = '' }) {
      const found = sorted().filter(
        (finding) =>
          finding.id > continuation &&
          (kind === undefined || finding.kind === kind) &&
          (severity === undefined || finding.severity === severity) &&
          (state === undefined || finding.state === state) &&
          (enrollmentGroups === undefined || enrollmentGroups.includes(finding.subject.enrollmentGroup ?? '')),
      );
      const items = found.slice(0, size);
      return found.length > size ? { items, continuation: items.at(-1)?.id } : { items };
    },
    async countOpen() {
      const open = sorted().filter(({ state }) => state === 'open');
      const members = open.map(({ kind, severity, subject: { enrollmentGroup } }) => {
        return { kind, severity, ...(enrollmentGroup !== undefined && { enrollmentGroup }) };
      });
      const alike = Map.groupBy(members, (each) => JSON.stringify(each));
      const value = [...alike.values()].flatMap((each) => (each[0] ? { ...each[0], findings: each.length } : []));
      return { value, requestUnits: 0 };
    },
  };
}
