/*
 * The names of acts in the audit trail. An HTTP operation has its own id. What the app does by itself, and what an operator
 * does with `fleet ca`, is named here. test/functions/audited-work.test.ts says where each one comes from.
 */

/** What the app does without a request, or beside one. */
export const workActions = [
  'abandon-work',
  'create-delegated-ca',
  'create-issuing-ca',
  'create-root-ca',
  'issue-certificates',
  'reach-enrollments',
  'renew-certificate',
  'settle-delegated-ca',
  'settle-device',
] as const;

/** What an operator does with `fleet ca`. */
export const caActions = ['ca-csr', 'ca-import', 'ca-register', 'ca-rollover', 'ca-root', 'ca-unregister'] as const;

export type WorkAction = (typeof workActions)[number];
export type CaAction = (typeof caActions)[number];
