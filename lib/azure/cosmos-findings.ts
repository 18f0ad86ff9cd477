import type { Container } from '@azure/cosmos';
import type { Finding, FindingCount, FindingStore } from '../findings/finding.ts';
import { kindIn } from '../findings/kinds.ts';
import {
  type Condition,
  callingCosmos,
  createDocument,
  measuredQuery,
  pageByKey,
  readDocument,
  replaceDocument,
  type SystemProperties,
  whereClause,
  withoutSystemProperties,
} from './cosmos.ts';

type FindingDocument = Finding & { readonly ttl?: number };

const daySeconds = 24 * 60 * 60;

/**
 * Findings in container `findings`, partition key `/kind`.
 * @param options.retentionDays after which a finding that is gone is deleted. Absent: it is kept. Any other one always is
 */
export function createCosmosFindingStore(
  container: Container,
  { retentionDays }: { readonly retentionDays?: number | undefined } = {},
): FindingStore {
  const toDocument = (finding: Finding): FindingDocument =>
    finding.state === 'gone' && retentionDays !== undefined ? { ...finding, ttl: retentionDays * daySeconds } : finding;

  return {
    create: (finding) => createDocument(container, toDocument(finding)),

    replace: ({ value, etag }) => replaceDocument(container, value.kind, { value: toDocument(value), etag }),

    async read(id) {
      const kind = kindIn(id);
      if (kind === undefined) return undefined;
      const found = await readDocument<FindingDocument>(container, { id, partition: kind });
      return found && { value: toFinding(found.value), etag: found.etag };
    },

    async ofSubjects(subjects) {
      if (subjects.length === 0) return [];
      const isAsked = new Set(subjects.map(({ type, id }) => `${type} ${id}`));
      const { text, parameters } = whereClause([
        ['c.subject.id IN (?)', subjects.map(({ id }) => id)],
        ['c.state IN (?)', ['open', 'accepted', 'repaired']],
      ]);
      const spec = { query: `SELECT * FROM c${text}`, parameters };
      const { resources } = await callingCosmos(() =>
        container.items.query<FindingDocument & SystemProperties>(spec).fetchAll(),
      );
      const found = resources.filter(({ subject: { type, id } }) => isAsked.has(`${type} ${id}`));
      return found.map((each) => ({ value: toFinding(withoutSystemProperties(each)), etag: each._etag }));
    },

    async list({ kind, severity, state, enrollmentGroups }, page) {
      if (enrollmentGroups?.length === 0) return { items: [] };
      const where: Condition[] = [
        ['c.kind = ?', kind],
        ['c.severity = ?', severity],
        ['c.state = ?', state],
        ['c.subject.enrollmentGroup IN (?)', enrollmentGroups],
      ];
      const findings = await pageByKey<FindingDocument>(container, { where, orderBy: 'c.id ASC' }, page);
      return { ...findings, items: findings.items.map(toFinding) };
    },

    countOpen() {
      const fields = 'c.kind, c.severity, c.subject.enrollmentGroup';
      const query = `SELECT ${fields}, COUNT(1) AS findings FROM c WHERE c.state = 'open' GROUP BY ${fields}`;
      return measuredQuery<FindingCount>(container, { query });
    },
  };
}

function toFinding({ ttl: _ttl, ...finding }: FindingDocument): Finding {
  return finding;
}
