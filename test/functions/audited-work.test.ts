import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { provideFunctionsCore } from 'fleet-emulators/functions-host';
import { auditOf } from '../../cli/operator/audited-verb.ts';
import { operations } from '../../functions/http/operations.ts';
import { caActions, type WorkAction, workActions } from '../../lib/audit/actions.ts';

/*
 * Everything that changes something, and its entry in the audit trail or the reason why it has none. An operation, a function
 * or a command that is added has to be added here too.
 */

type Entry = readonly (WorkAction | 'repair-finding')[] | string;

/** Makes a CA when a group has none yet, whatever asks for it. */
const mayMakeCa = ['create-root-ca', 'create-issuing-ca'] as const;

const ofFunctions: Readonly<Record<string, Entry>> = {
  'ingest-manifest': 'It makes a job. The entry of each chunk names the job and who submitted it.',
  'ingest-order': 'It stores an order as a manifest. The entry of each chunk names the job and the order.',
  'provision-chunk': ['issue-certificates', 'create-delegated-ca', ...mayMakeCa],
  'enroll-individuals': 'It gives DPS the certificates of one chunk, which the entry of the chunk names.',
  // And an entry per device of an act on many, as if each had been asked for: test/lib/pipeline/audited-work.test.ts.
  'settle-blocks': ['settle-device'],
  'record-dead-letter-manifest-uploads': ['abandon-work'],
  'record-dead-letter-orders': ['abandon-work'],
  'record-dead-letter-chunks': ['abandon-work'],
  'record-dead-letter-individual-enrollments': ['abandon-work'],
  'record-dead-letter-device-blocks': ['abandon-work'],
  'record-dead-letter-event-deliveries': ['abandon-work'],
  'reconcile-registrations': ['reach-enrollments', 'settle-delegated-ca', ...mayMakeCa],
  sweep: ['repair-finding'],
  'continue-sweep': ['repair-finding'],
  'sequence-audit': 'It moves entries into the log.',
  'send-events': 'It sends what other work has done, which has its entry.',
  'deliver-events': 'It sends what other work has done, which has its entry.',
  'allocate-device': 'It changes nothing: DPS does what it answers.',
  console: 'It hands out files that are the same for every caller.',
  root: 'It leads to the console.',
  // The EST server, an app beside this one.
  simpleenroll: ['renew-certificate', ...mayMakeCa],
  simplereenroll: ['renew-certificate', ...mayMakeCa],
  cacerts: 'It hands out CA certificates, which are public.',
  csrattrs: 'It answers nothing.',
};

/** Operations that are no GET and have no entry. */
const withoutEntry: Readonly<Record<string, string>> = {
  'create-check': 'It changes nothing.',
};

/** GETs that have an entry. */
const handsOut: Readonly<Record<string, string>> = {
  'get-device-bundle': 'It can hand out a private key.',
};

/** They are done although no intent can be written. */
const takesRightsAway: Readonly<Record<string, true | 'by its body'>> = {
  'suspend-device': true,
  'revoke-device': true,
  'delete-device': true,
  'suspend-enrollment-group': true,
  'delete-webhook': true,
  'block-certificate-authority': true,
  'begin-device-act': 'by its body',
};

describe('the audit trail', () => {
  const core = provideFunctionsCore(() => {});
  before(async () => {
    await import('../../functions/main.ts');
    await import('../../functions/est/register.ts');
  });

  it('has an entry of every operation that changes something or hands out a key', () => {
    for (const { id, method, audited = method !== 'GET' } of operations) {
      assert.equal(audited, method === 'GET' ? id in handsOut : !(id in withoutEntry), id);
    }
    const ids = operations.map(({ id }) => id);
    for (const named of [withoutEntry, handsOut, takesRightsAway])
      for (const id of Object.keys(named)) assert.ok(ids.includes(id), id);
  });

  it('stops every operation when it takes no entries, but those that take rights away', () => {
    for (const { id, takesRightsAway: given = false } of operations)
      assert.equal(typeof given === 'function' ? 'by its body' : given, takesRightsAway[id] ?? false, id);
    const begin = operations.find(({ id }) => id === 'begin-device-act')?.takesRightsAway;
    assert.ok(typeof begin === 'function');
    const takes = (act: string) => begin({ act } as never);
    assert.deepEqual(['suspend', 'revoke', 'scrap', 'restore'].map(takes), [true, true, true, false]);
  });

  it('has a named entry of every queue and timer that changes rights, or a reason why not', () => {
    const names = [...core.functions.values()].map(({ name }) => name);
    const work = names.filter((name) => !operations.some(({ id }) => id === name));
    assert.deepEqual(work.sort(), Object.keys(ofFunctions).sort());
    const used = new Set<string>(
      Object.values(ofFunctions).flatMap((entry) => (typeof entry === 'string' ? [] : entry)),
    );
    assert.deepEqual(
      workActions.filter((action) => !used.has(action)),
      [],
    );
  });

  it('has an entry of every CA command that changes something, or a reason why not', () => {
    const used = Object.values(auditOf).flatMap((entry) => ('action' in entry ? [entry.action] : []));
    assert.deepEqual(used.sort(), [...caActions].sort());
    for (const [verb, entry] of Object.entries(auditOf)) assert.ok('action' in entry || entry.none.length > 5, verb);
  });

  it('has one name per kind of act', () => {
    const names = [...operations.map(({ id }) => id), ...workActions, ...caActions];
    assert.equal(new Set(names).size, names.length);
  });
});
