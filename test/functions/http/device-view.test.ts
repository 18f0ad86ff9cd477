import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deviceSchema, deviceView } from '../../../functions/http/device-view.ts';
import type { DeviceBlock } from '../../../lib/devices/block.ts';
import type { DeviceCertificate } from '../../../lib/devices/certificate.ts';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { planRenewal } from '../../../lib/devices/renewal-plan.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import type { GroupRecord } from '../../../lib/groups/group.ts';
import { someDevice, someGroup, someTime } from '../../factories.ts';

const at = someTime.toISOString();
const later = '2027-11-23T08:00:00.000Z';
const identity = { sha1Thumbprint: 'A1', sha256Thumbprint: 'A2', notBefore: at, notAfter: later };
const assigned = someDevice({ status: 'assigned', serialNumber: 'a', identity });

function view(record: DeviceRecord, of?: Partial<GroupInput>) {
  const definition = someGroup('line7', of);
  const group = of && ({ id: 'line7', definition, issuingCas: [], createdAt: at, updatedAt: at } as GroupRecord);
  const shown = deviceView(record, { twin: undefined, group, bundleRetentionDays: undefined, at: someTime });
  deviceSchema.parse(JSON.parse(JSON.stringify(shown)));
  return shown;
}

describe('a device as the API shows it', () => {
  it('has the row that holds it, and where its entries in the audit trail are', () => {
    const { job, audit, registration, twin, certificate } = view(someDevice());
    const { jobId } = someDevice().claim;
    assert.deepEqual(job, { jobId, line: 2, link: `/api/jobs/${jobId}` });
    assert.deepEqual(
      [audit, registration, twin],
      ['/api/audit?device=gw-1', { status: 'unassigned' }, { tags: {}, desired: {} }],
    );
    assert.deepEqual(certificate, { serialNumber: someDevice().serialNumber });
  });

  it('has the latest row that failed, and is held by the one before', () => {
    const heldBy = { jobId: 'b'.repeat(24), chunk: 0, line: 7, attempt: 1 };
    const failedReissue = { code: 'gave-up', message: 'No.', at, serialNumber: 'x', heldBy } as const;
    const shown = view({ ...assigned, failedReissue });
    assert.deepEqual([shown.job.jobId, shown.job.line], [heldBy.jobId, 7]);
    const { jobId, line } = assigned.claim;
    assert.deepEqual(shown.failedReissue, { code: 'gave-up', message: 'No.', at, jobId, line });
    assert.equal(view(assigned).failedReissue, undefined);
  });

  it('renews by the EST server, by another one, or by a row', () => {
    const renewal = planRenewal({ threshold: '80%', retry: '4%' }, identity);
    assert.deepEqual(view({ ...assigned, renewal, unconfirmedSince: at }).renewal, {
      ...{ renewsItself: true, how: 'est', by: renewal.renewsAt, lateAt: renewal.lateAt, unconfirmedSince: at },
    });
    const elsewhere = { est: { url: 'https://est.example.com', identity: true } };
    assert.deepEqual(view(assigned, elsewhere).renewal, { renewsItself: true, how: 'elsewhere' });
    assert.deepEqual(view(assigned, {}).renewal, { renewsItself: false, how: 'reissue', by: later });
    assert.deepEqual(view({ ...assigned, status: 'provisioned' }).renewal?.how, 'reissue');
    for (const status of ['failed', 'claimed', 'revoked', 'deleted'] as const)
      assert.equal(view({ ...assigned, status }).renewal, undefined);
    assert.equal(view(someDevice({ status: 'assigned' })).renewal, undefined);
  });

  it('has who deletes it while that is so, and not who deleted one of its id before', () => {
    const deletion = { by: 'Ann', at, block: 'deleted 1' };
    for (const status of ['deleting', 'deleted'] as const)
      assert.deepEqual(view({ ...assigned, status, deletion }).deletion, { by: 'Ann', at });
    assert.equal(view({ ...assigned, deletion }).deletion, undefined);
    assert.equal(view({ ...assigned, status: 'deleted' }).deletion, undefined);
  });

  it('has its certificates, and the former identities among them', () => {
    const certificate = (serialNumber: string, change: Partial<DeviceCertificate> = {}): DeviceCertificate => ({
      ...{ kind: 'identity', serialNumber, ...identity, enrollmentGroup: 'line7', state: 'live', since: at },
      ...change,
    });
    const certificates = [
      certificate('a'),
      certificate('b', { state: 'revoked', assignedHub: 'hub' }),
      certificate('c', { kind: 'edge-ca' }),
      certificate('d', { unusedBundle: { archive: 'x', fileName: 'y' } }),
    ];
    const shown = view({ ...assigned, certificates });
    assert.deepEqual(
      shown.formerCertificates?.map(({ serialNumber, status, assignedHub }) => [serialNumber, status, assignedHub]),
      [
        ['b', 'revoked', 'hub'],
        ['d', 'superseded', undefined],
      ],
    );
    assert.equal(shown.certificates.length, 4);
    assert.ok(!('unusedBundle' in (shown.certificates[3] ?? {})));
    assert.equal(view({ ...assigned, certificates: [certificate('a')] }).formerCertificates, undefined);
  });

  it('has the doors of its block: closed, not yet, or open again', () => {
    const asked = { by: 'Ann', at, reason: 'lost', mark: 'm' };
    const block = {
      ...{ kind: 'suspended', ...asked, from: 'assigned', marks: ['m'], doors: { record: at, bundle: at } },
      ...{ notYet: { hub: 'It does not answer.' }, lookAgainAt: later },
    } as const satisfies DeviceBlock;
    const closing = view({ ...assigned, status: 'closing', block }).block;
    assert.deepEqual(closing?.doors, {
      record: { state: 'closed', at, why: undefined },
      enrollment: { state: 'not yet', at: undefined, why: undefined },
      hub: { state: 'not yet', at: undefined, why: 'It does not answer.' },
      bundle: { state: 'closed', at, why: undefined },
      renewal: { state: 'not yet', at: undefined, why: undefined },
    });
    assert.deepEqual([closing?.checkedAgainAt, closing?.restore, closing?.reason], [later, undefined, 'lost']);
    const undo = { ...asked, by: 'Bob', reason: 'found' };
    const opening = view({ ...assigned, status: 'opening', block: { ...block, undo } }).block;
    assert.deepEqual([opening?.doors.renewal.state, opening?.restore], ['open', { by: 'Bob', at, reason: 'found' }]);
    assert.equal(view(assigned).block, undefined);
  });

  it('shows what works while a row issues it again', () => {
    const bundle = { archive: 'x.zip', fileName: 'gw-1.tar.gz', offset: 0, length: 7, sha256: 'ff', mediaType: 'x' };
    const before = { ...assigned, bundle, registration: { status: 'assigned', assignedHub: 'hub' } } as const;
    const shown = view({ ...someDevice({ status: 'claimed' }), before });
    assert.deepEqual([shown.status, shown.registration.assignedHub], ['claimed', 'hub']);
    assert.deepEqual(shown.bundle, {
      ...{ fileName: 'gw-1.tar.gz', bytes: 7, sha256: 'ff', keptUntil: undefined, link: '/api/devices/gw-1/bundle' },
    });
  });
});
