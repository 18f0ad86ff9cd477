import type { AzureApi, Json } from './azure-api.ts';

/** One change behind the product's back. */
export interface Edit {
  /** The finding that it must lead to. */
  readonly kind: string;
  /** Findings that are right too. Whether they come depends on what the sweep reads. */
  readonly also?: readonly string[];
  /** Id of the device or of the group. */
  readonly subject: string;
  readonly make: () => Promise<void>;
  /** How it ends: the product repairs it by itself, or when it is asked; or the intruder takes it back. */
  readonly end: 'self' | 'asked' | (() => Promise<void>);
}

/** Someone with another tool and the rights to change DPS and the hubs. */
export interface Intruder {
  readonly deleteGroup: (id: string) => Edit;
  readonly changeGroup: (id: string) => Edit;
  readonly addCaToGroup: (id: string, caPem: string) => Edit;
  /** @param certificate of the device, PEM: DPS gives none back */
  readonly deleteEnrollment: (id: string, certificate: string) => Edit;
  readonly changeEnrollment: (id: string) => Edit;
  readonly enrollStranger: (id: string) => Edit;
  readonly deleteBlock: (id: string) => Edit;
  readonly enableBlock: (id: string) => Edit;
  readonly disableEnrollment: (id: string) => Edit;
  readonly enableRevoked: (id: string, hub: string) => Edit;
  readonly changeTags: (id: string, hub: string) => Edit;
  readonly useKeys: (id: string, hub: string) => Edit;
  readonly useOtherCertificate: (id: string, hub: string) => Edit;
  readonly disableIdentity: (id: string, hub: string) => Edit;
  readonly deleteIdentity: (id: string, hub: string) => Edit;
  readonly moveIdentity: (id: string, from: string, to: string) => Edit;
}

export function createIntruder({ dps, hub }: AzureApi): Intruder {
  const group = (id: string) => `/enrollmentGroups/${id}`;
  const enrollment = (id: string) => `/enrollments/${id}`;
  const identity = (id: string) => `/devices/${id}`;

  /** Changes an object of DPS, and gives back what it was. */
  function changed(kind: string, subject: string, path: string, change: (was: Json) => Json): Edit {
    let was: Json = {};
    return {
      ...{ kind, subject },
      async make() {
        was = await found(dps('GET', path), path);
        await dps('PUT', path, change(was));
      },
      async end() {
        await dps('PUT', path, was);
      },
    };
  }

  function deleted(kind: string, subject: string, path: string): Omit<Edit, 'end'> {
    return {
      ...{ kind, subject },
      async make() {
        await found(dps('GET', path), path);
        await dps('DELETE', path);
      },
    };
  }

  /** Changes an identity of a hub, and gives back what it was. */
  function changedIdentity(kind: string, id: string, name: string, change: (was: Json) => Json): Edit {
    let was: Json = {};
    return {
      ...{ kind, subject: id },
      async make() {
        was = await found(hub(name, 'GET', identity(id)), id);
        await hub(name, 'PUT', identity(id), change(was));
      },
      async end() {
        await hub(name, 'PUT', identity(id), was);
      },
    };
  }

  /** An identity with its tags, to be made again. */
  function copyOf(id: string, from: string) {
    let [was, tags]: Json[] = [{}, {}];
    return {
      async take() {
        was = withoutVersion(await found(hub(from, 'GET', identity(id)), id));
        tags = (await found(hub(from, 'GET', `/twins/${id}`), id))['tags'] as Json;
      },
      async put(name: string) {
        await hub(name, 'PUT', identity(id), was);
        await hub(name, 'PATCH', `/twins/${id}`, { tags });
      },
    };
  }

  return {
    deleteGroup: (id) => ({ ...deleted('group-missing', id, group(id)), end: 'self' }),
    changeGroup: (id) => ({
      ...changed('group-changed', id, group(id), (was) => ({
        ...was,
        reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: false },
      })),
      end: 'asked',
    }),
    addCaToGroup: (id, caPem) => ({
      ...changed('group-other-ca', id, group(id), (was) => ({ ...was, attestation: withSecondary(was, caPem) })),
      end: 'asked',
    }),
    deleteEnrollment(id, certificate) {
      let was: Json = {};
      return {
        // DPS deletes the registration too.
        ...{ kind: 'enrollment-missing', also: ['registration-missing'], subject: id },
        async make() {
          was = await found(dps('GET', enrollment(id)), id);
          await dps('DELETE', enrollment(id));
        },
        async end() {
          const attestation = { type: 'x509', x509: { clientCertificates: { primary: { certificate } } } };
          await dps('PUT', enrollment(id), { ...withoutVersion(was), attestation });
        },
      };
    },
    changeEnrollment: (id) =>
      changed('enrollment-changed', id, enrollment(id), (was) => ({
        ...was,
        initialTwin: { tags: { site: 'elsewhere' }, properties: { desired: {} } },
      })),
    enrollStranger: (id) => ({
      ...{ kind: 'enrollment-foreign', subject: id },
      async make() {
        await dps('PUT', enrollment(id), { registrationId: id, attestation: { type: 'symmetricKey' } });
      },
      async end() {
        await dps('DELETE', enrollment(id));
      },
    }),
    deleteBlock: (id) => ({ ...deleted('block-missing', id, enrollment(id)), end: 'self' }),
    enableBlock: (id) => ({
      ...changed('block-missing', id, enrollment(id), (was) => ({ ...was, provisioningStatus: 'enabled' })),
      end: 'self',
    }),
    disableEnrollment: (id) =>
      changed('enrollment-changed', id, enrollment(id), (was) => ({ ...was, provisioningStatus: 'disabled' })),
    enableRevoked: (id, name) => ({
      ...changedIdentity('enabled-though-revoked', id, name, (was) => ({ ...was, status: 'enabled' })),
      end: 'self',
    }),
    changeTags: (id, name) => ({
      ...{ kind: 'tags-differ', subject: id, end: 'asked' },
      async make() {
        await hub(name, 'PATCH', `/twins/${id}`, { tags: { slot: -1 } });
      },
    }),
    useKeys: (id, name) =>
      changedIdentity('other-authentication', id, name, (was) => ({ ...was, authentication: { type: 'sas' } })),
    useOtherCertificate: (id, name) =>
      changedIdentity('unknown-certificate', id, name, (was) => ({
        ...was,
        authentication: {
          type: 'selfSigned',
          x509Thumbprint: { primaryThumbprint: 'AB'.repeat(32), secondaryThumbprint: null },
        },
      })),
    disableIdentity: (id, name) =>
      changedIdentity('identity-disabled', id, name, (was) => ({ ...was, status: 'disabled', statusReason: 'ours' })),
    deleteIdentity: (id, name) => {
      const copy = copyOf(id, name);
      return {
        ...{ kind: 'identity-missing', also: ['tags-differ'], subject: id },
        async make() {
          await copy.take();
          await hub(name, 'DELETE', identity(id));
        },
        end: () => copy.put(name),
      };
    },
    moveIdentity: (id, from, to) => {
      const copy = copyOf(id, from);
      return {
        ...{ kind: 'identity-elsewhere', also: ['identity-missing', 'tags-differ'], subject: id },
        async make() {
          await copy.take();
          await copy.put(to);
          await hub(from, 'DELETE', identity(id));
        },
        async end() {
          await copy.put(from);
          await hub(to, 'DELETE', identity(id));
        },
      };
    },
  };
}

async function found(asked: Promise<Json | undefined>, what: string): Promise<Json> {
  const body = await asked;
  if (body === undefined) throw new Error(`There is nothing to change: ${what}.`);
  return body;
}

const withoutVersion = ({ etag: _etag, ...body }: Json): Json => body;

interface X509Attestation {
  readonly x509: { readonly signingCertificates: Json };
}

/** The certificate that is there keeps its place: DPS takes its `info` for it. */
function withSecondary({ attestation }: Json, certificate: string): Json {
  const { x509 } = attestation as unknown as X509Attestation;
  return {
    ...(attestation as Json),
    x509: { signingCertificates: { ...x509.signingCertificates, secondary: { certificate } } },
  };
}
