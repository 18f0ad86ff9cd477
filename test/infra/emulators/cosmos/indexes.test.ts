import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, ContainerRequest, SqlQuerySpec } from '@azure/cosmos';
import { createCatalog, type OpenContainer } from '../../../../infra/emulators/cosmos/store/catalog.ts';
import type { ContainerDefinition } from '../../../../infra/emulators/cosmos/store/container-definition.ts';
import { createGroupCommit, openStore } from '../../../../infra/emulators/cosmos/store/database.ts';
import { containerDefinitions } from '../../../../lib/azure/cosmos.ts';
import { createCosmosDeviceStore } from '../../../../lib/azure/cosmos-devices.ts';
import { createCosmosJobStore } from '../../../../lib/azure/cosmos-jobs.ts';

/** The queries of our own stores, recorded from them. */
async function sentBy(use: (container: Container) => Promise<unknown>): Promise<SqlQuerySpec> {
  const [sent = assert.fail('No query was sent.')] = await allSentBy(use);
  return sent;
}

async function allSentBy(use: (container: Container) => Promise<unknown>): Promise<SqlQuerySpec[]> {
  const sent: SqlQuerySpec[] = [];
  const query = (spec: string | SqlQuerySpec) => {
    sent.push(typeof spec === 'string' ? { query: spec, parameters: [] } : spec);
    return { hasMoreResults: () => false, fetchAll: async () => ({ resources: [], requestCharge: 0 }) };
  };
  await use({ items: { query } } as unknown as Container);
  return sent;
}

const devicesOf = (container: Container) => createCosmosDeviceStore(container, { sleep: async () => {} });

function fill(
  container: OpenContainer,
  count: number,
  make: (index: number) => { id: string; partition: string },
): void {
  for (let index = 0; index < count; index++) {
    const { partition, ...document } = make(index);
    container.documents.insert(
      { id: document.id, partition: JSON.stringify([partition]) },
      { body: JSON.stringify(document), document },
    );
  }
}

function steps(container: OpenContainer, { query, parameters = [] }: SqlQuerySpec, partition?: string): string[] {
  const values = new Map(parameters.map(({ name, value }) => [name, value as unknown]));
  return container.documents.explain(query, values, partition === undefined ? undefined : JSON.stringify([partition]));
}

test('our queries over 100,000 records use an index', async (t) => {
  const database = openStore(undefined, 'normal');
  t.after(() => database.close());
  const commits = createGroupCommit(database, () => {});
  const catalog = createCatalog(database, commits, Date.now);
  catalog.createDatabase({ id: 'fleet' });
  const open = (id: string) => {
    const request = containerDefinitions.find((each) => each.id === id) as ContainerRequest;
    return catalog.createContainer('fleet', request as unknown as ContainerDefinition);
  };
  const [devices, jobs] = [open('devices'), open('jobs')];
  const jobId = (index: number) => String(index).padStart(24, '0');
  fill(devices, 100_000, (index) => {
    const id = `gw-${String(index).padStart(6, '0')}`;
    const status = index % 10 === 0 ? 'failed' : 'provisioned';
    const claim = { jobId: jobId(Math.floor(index / 1000)), chunk: 0, line: 2, attempt: 1 };
    const notAfter = new Date(Date.UTC(2027, 0, 1) + index * 60_000).toISOString();
    const hex = index.toString(16);
    const identity = { notAfter, sha1Thumbprint: hex.padStart(40, 'A'), sha256Thumbprint: hex.padStart(64, 'A') };
    const serialNumber = hex.padStart(32, 'a');
    return { id, partition: id, status, enrollmentGroup: `line${index % 20}`, claim, identity, serialNumber };
  });
  fill(jobs, 40_000, (index) => {
    const id = jobId(index % 100);
    if (index < 100) {
      const list = {
        listKey: `2026~${id}`,
        listStatus: index % 10 === 0 ? 'failed' : 'completed',
        listHour: '2026-11-27T08',
      };
      return { id: 'job', partition: id, jobId: id, type: 'job', ...list, listGroups: '', source: 'http' };
    }
    return { id: `chunk-${String(index).padStart(5, '0')}`, partition: id, jobId: id, type: 'part' };
  });
  commits.flush();

  const filters = [
    {},
    { jobId: jobId(5) },
    { enrollmentGroup: 'line7' },
    { status: 'failed' as const },
    { jobId: jobId(5), enrollmentGroup: 'line7', status: 'failed' as const },
    { expiresBefore: '2027-01-02T00:00:00.000Z' },
    { enrollmentGroup: 'line7', status: 'failed' as const, expiresBefore: '2027-01-02T00:00:00.000Z' },
    { idPrefix: 'gw-05' },
    { idPrefix: 'gw-05', enrollmentGroup: 'line7', status: 'failed' as const },
    { certificate: { kind: 'serialNumber' as const, hex: 'a'.repeat(32) } },
    { certificate: { kind: 'sha1Thumbprint' as const, hex: 'a'.repeat(40) } },
    { certificate: { kind: 'sha256Thumbprint' as const, hex: 'a'.repeat(64) } },
  ];
  const queries: [OpenContainer, SqlQuerySpec, string?][] = [
    [devices, await sentBy((container) => devicesOf(container).waitingIds('line7', 10))],
    [
      jobs,
      await sentBy(async (container) => Array.fromAsync(createCosmosJobStore(container).parts(jobId(5)))),
      jobId(5),
    ],
  ];
  for (const filter of filters) {
    for (const continuation of [undefined, 'gw-050000']) {
      queries.push([
        devices,
        await sentBy((container) => devicesOf(container).list(filter, { size: 100, continuation })),
      ]);
    }
  }
  for (const continuation of [undefined, `2026~${jobId(50)}`]) {
    queries.push([
      jobs,
      await sentBy((container) => createCosmosJobStore(container).list({ size: 100, continuation })),
    ]);
    for (const filter of [{ status: ['failed' as const] }, { source: 'http' as const, since: '2026', until: '2027' }]) {
      const page = { size: 100, continuation, ...filter };
      queries.push([jobs, await sentBy((container) => createCosmosJobStore(container).list(page))]);
    }
  }
  for (const spec of await allSentBy((container) => createCosmosJobStore(container).countByStatus('2026'))) {
    queries.push([jobs, spec]);
  }
  const period = { from: '2027-01-01T00:00:00.000Z', before: '2027-01-31T00:00:00.000Z' };
  queries.push([devices, await sentBy((container) => devicesOf(container).countByStatus(period))]);
  const renewals = { from: '2027-01-01', before: '2027-02-01', at: period.from, unconfirmedBefore: period.from };
  for (const spec of await allSentBy((container) => devicesOf(container).countRenewals(renewals))) {
    queries.push([devices, spec]);
  }
  for (const planned of ['new', 'with statistics']) {
    for (const [container, spec, partition] of queries) {
      const plan = steps(container, spec, partition);
      const say = `${planned}: ${spec.query}\n${plan.join('\n')}`;
      const isPlainList = !spec.query.includes('WHERE');
      // A list of everything reads the index of ids up to the end of its page.
      assert.ok(
        plan.some((step) => (isPlainList ? /^SCAN .* USING .*INDEX .*_key/ : /^SEARCH /).test(step)),
        say,
      );
      assert.ok(!plan.some((step) => /^SCAN /.test(step) && !/USING .*INDEX/.test(step)), say);
      // The range of a certificate's end is read from its index, and is sorted by id afterwards.
      const isRange = spec.query.includes('c.identity.notAfter <') || spec.query.includes('GROUP BY');
      // So are the few devices of a certificate, whose name is asked for in two cases.
      const isCertificate = /(serialNumber|Thumbprint) IN/.test(spec.query);
      if (container === devices && !isRange && !isCertificate) {
        assert.ok(!plan.some((step) => /TEMP B-TREE/.test(step)), say);
      }
    }
    database.exec('ANALYZE');
  }
});
