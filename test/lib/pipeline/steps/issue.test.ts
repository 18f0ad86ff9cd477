import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../../lib/errors.ts';
import type { GroupRecord } from '../../../../lib/groups/group.ts';
import type { Issuance } from '../../../../lib/pipeline/issuance.ts';
import type { ClaimedRow } from '../../../../lib/pipeline/steps/claim.ts';
import { issueArchive, issueRows } from '../../../../lib/pipeline/steps/issue.ts';
import { createDeviceIssuer, type DeviceIssuer } from '../../../../lib/pki/device-issuer.ts';
import type { LocalSigner, RemoteSigner } from '../../../../lib/pki/key-store.ts';
import { newSerialNumber } from '../../../../lib/pki/serial.ts';
import { assertEvery } from '../../../assert-every.ts';
import { someDevice, someGroup, someTime } from '../../../factories.ts';
import { someAuthority } from '../../pki/some-authority.ts';

const group: GroupRecord = {
  ...{ id: 'line7', definition: someGroup(), issuingCas: [] },
  ...{ createdAt: someTime.toISOString(), updatedAt: someTime.toISOString() },
};

function rows(ids: readonly string[]): ClaimedRow[] {
  return ids.map((deviceId, index) => ({
    request: { deviceId, enrollmentGroup: 'line7', line: index + 2, source: deviceId, tags: {}, desired: {} },
    record: { value: someDevice({ id: deviceId, serialNumber: newSerialNumber() }), etag: '1' },
  }));
}

function issuancesWith(issuer: DeviceIssuer): ReadonlyMap<string, Issuance> {
  const bundler = { mediaType: 'text/plain', fileExtension: '.txt', bundle: () => Buffer.from('bundle') };
  return new Map([['line7', { group, issuer, bundler }]]);
}

async function issuerThatSigns(sign: (signer: LocalSigner, data: Uint8Array) => Promise<Uint8Array>) {
  const authority = await someAuthority();
  const signer: RemoteSigner = { ...authority.signer, isLocal: false, sign: (data) => sign(authority.signer, data) };
  return createDeviceIssuer({ issuer: { ...authority, signer }, keyType: 'ec-p256', validityDays: 365, now: someTime });
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const ids = Array.from({ length: 50 }, (_, index) => `gw-${index + 1}`);

describe('issuing the rows of a chunk', () => {
  it('has several signatures of a key elsewhere in flight, not all, and keeps the order of rows', async () => {
    let inFlight = 0;
    let most = 0;
    const issuer = await issuerThatSigns(async (signer, data) => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      // The earlier ones take longer.
      for (let turns = 50 - inFlight; turns > 0; turns--) await turn();
      inFlight -= 1;
      return signer.sign(data);
    });
    const { entries, errors } = await issueRows(rows(ids), issuancesWith(issuer), 1);
    assert.deepEqual(errors, []);
    assert.deepEqual(
      entries.map(({ info }) => info.deviceId),
      ids,
    );
    assert.equal(most, 8);
  });

  it('leaves a row’s fault with that row', async () => {
    const issuer = await issuerThatSigns(async (signer, data) => signer.sign(data));
    const { entries, errors } = await issueRows(rows(['gw-1', 'gw 2', 'gw-3']), issuancesWith(issuer), 1);
    assert.deepEqual(
      entries.map(({ info }) => info.line),
      [2, 4],
    );
    assert.deepEqual(
      errors.map(({ line, code, message }) => [line, code, message.split(':')[0]]),
      [[3, 'certificate-rule', 'subject-name']],
    );
  });

  it('issues nothing when the key throttles in the middle', async () => {
    let signatures = 0;
    const throttled = new FleetError('throttled', 'The vault asks to wait.', { retryAfter: 3 });
    const issuer = await issuerThatSigns(async (signer, data) => {
      await turn();
      if (++signatures === 20) throw throttled;
      return signer.sign(data);
    });
    await assert.rejects(issueRows(rows(ids), issuancesWith(issuer), 1), throttled);
  });
});

describe('private keys', () => {
  const isErased = (bytes: Buffer) => bytes.every((octet) => octet === 0);
  const attempt = { jobId: '0123456789abcdef01234567', chunk: 0, attempt: 1 };

  /** Keeps what the rows go through, to look at afterwards. */
  async function observed(
    bundle = () => Buffer.from('bundle'),
    sign = async (signer: LocalSigner, data: Uint8Array) => signer.sign(data),
  ) {
    const inner = await issuerThatSigns(sign);
    const keys: Buffer[] = [];
    const bundles: Buffer[] = [];
    const issuer: DeviceIssuer = {
      ...inner,
      async issue(request) {
        const identity = await inner.issue(request);
        keys.push(identity.privateKeyPem ?? assert.fail('no key'));
        return identity;
      },
    };
    const bundler = {
      mediaType: 'text/plain',
      fileExtension: '.txt',
      bundle() {
        const made = bundle();
        bundles.push(made);
        return made;
      },
    };
    return { keys, bundles, issuances: new Map([['line7', { group, issuer, bundler }]]) };
  }

  it('are zeroed with the bundles once the archive is packed', async () => {
    const { keys, bundles, issuances } = await observed();
    const { archive } = await issueArchive(rows(ids), issuances, { ...attempt, jobRows: 1 });
    assert.ok(archive.body.includes('bundle'));
    assert.deepEqual([keys.length, bundles.length], [50, 50]);
    assertEvery([...keys, ...bundles], isErased);
  });

  it('are zeroed when their bundle is refused', async () => {
    const { keys, issuances } = await observed(() => {
      throw new FleetError('bundle-invalid', 'The bundle was not made.');
    });
    const { errors } = await issueArchive(rows(ids), issuances, { ...attempt, jobRows: 1 });
    assert.deepEqual([errors.length, keys.length], [50, 50]);
    assertEvery(keys, isErased);
  });

  it('are zeroed with the bundles when the key throttles in the middle', async () => {
    let signatures = 0;
    const throttled = new FleetError('throttled', 'The vault asks to wait.', { retryAfter: 3 });
    const { keys, bundles, issuances } = await observed(undefined, async (signer, data) => {
      await turn();
      if (++signatures === 20) throw throttled;
      return signer.sign(data);
    });
    await assert.rejects(issueArchive(rows(ids), issuances, { ...attempt, jobRows: 1 }), throttled);
    assert.ok(bundles.length >= 19 && bundles.length < 50);
    assertEvery([...keys, ...bundles], isErased);
  });
});
