import type { Page, PageRequest, Store } from '../store.ts';
import type { Entry, EntryKind } from './entry.ts';

/** Stores enrollment groups and individual enrollments, and finds them by their certificates. */
export interface EntryStore {
  get(kind: EntryKind, id: string): Entry | undefined;
  put(entry: Entry): void;
  delete(entry: Entry): void;
  page(kind: EntryKind, request: PageRequest): Page<Entry>;
  /** Number of enrollments of a kind, optionally with one type of attestation. */
  count(kind: EntryKind, attestation?: Entry['attestation']['type']): number;
  /** Groups with symmetric key attestation. */
  symmetricKeyGroups(): readonly Entry[];
  /** The enrollment that contains the certificate. @param sha256Thumbprint upper-case hex */
  ofCertificate(kind: EntryKind, sha256Thumbprint: string): Entry | undefined;
  /** The group that references a CA certificate by name. */
  ofCaReference(name: string): Entry | undefined;
  /** The enrollment that has the binding key. See `bindingKeys`. */
  boundTo(key: string): Entry | undefined;
}

export function createEntryStore(store: Store): EntryStore {
  const collections = { group: store.collection<Entry>('group'), individual: store.collection<Entry>('individual') };
  const bindings = store.collection<{ kind: EntryKind; id: string }>('certificate');

  const get = (kind: EntryKind, id: string) => collections[kind].get(id.toLowerCase());

  function bound(key: string): Entry | undefined {
    const binding = bindings.get(key);
    return binding && get(binding.kind, binding.id);
  }

  return {
    get,
    put(entry) {
      store.transaction(() => {
        const before = get(entry.kind, entry.id);
        for (const key of before ? bindingKeys(before) : []) bindings.delete(key);
        for (const key of bindingKeys(entry)) bindings.put(key, { kind: entry.kind, id: entry.id });
        collections[entry.kind].put(entry.id.toLowerCase(), entry, entry.attestation.type);
      });
    },
    delete(entry) {
      store.transaction(() => {
        for (const key of bindingKeys(entry)) bindings.delete(key);
        collections[entry.kind].delete(entry.id.toLowerCase());
      });
    },
    page: (kind, request) => collections[kind].page(request),
    count: (kind, attestation) => collections[kind].count(attestation),
    symmetricKeyGroups: () => collections.group.page({ parent: 'symmetricKey' }).values,
    ofCertificate(kind, sha256Thumbprint) {
      const entry = bound(`sha256:${sha256Thumbprint}`);
      return entry?.kind === kind ? entry : undefined;
    },
    ofCaReference: (name) => bound(`ca:${name.toLowerCase()}`),
    boundTo: bound,
  };
}

/** The keys under which an enrollment is found by its certificates. A certificate can be in one enrollment only. */
export function bindingKeys({ attestation }: Pick<Entry, 'attestation'>): string[] {
  if (attestation.type !== 'x509') return [];
  if (attestation.use === 'caReferences') {
    return [attestation.primary, attestation.secondary]
      .filter((name) => name !== undefined)
      .map((name) => `ca:${name.toLowerCase()}`);
  }
  return [attestation.primary, attestation.secondary]
    .filter((certificate) => certificate !== undefined)
    .map((certificate) => `sha256:${certificate.info.sha256Thumbprint}`);
}
