import { badRequest, conflict, partitionKeyMismatch, preconditionFailed, tooLarge } from './errors.ts';
import { type PartitionKey, partitionKeyOf } from './partition-key.ts';
import { applyPatch, type PatchBody, type PatchOperation } from './patch.ts';
import { readCharge, writeCharge } from './request-units.ts';
import type { OpenContainer } from './store/catalog.ts';
import { type StoredDocument, withoutAdded } from './store/document.ts';
import { type DocumentContent, requireVersion } from './store/document-table.ts';
import { changedTerms, indexTerms } from './store/index-terms.ts';

/** One operation on one document, alone or as part of a batch. */
export interface DocumentOperation {
  /** Read, Create, Upsert, Replace, Patch or Delete. */
  readonly type: string;
  readonly id?: string;
  /** From the request. A written document must have the same partition key. */
  readonly partition: PartitionKey | undefined;
  readonly body?: unknown;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
}

export interface OperationOutcome {
  readonly status: number;
  readonly document?: StoredDocument;
  readonly charge: number;
}

/** "Maximum size of an item: 2 MB", https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-item-limits */
const maxDocumentBytes = 2 * 1024 * 1024;

/** "Maximum level of nesting: 128", same page. SQLite's JSON functions allow 1,000 levels. */
const maxNesting = 128;

/** Runs an operation. @throws CosmosError, the error answer of the service */
export function runOperation(container: OpenContainer, operation: DocumentOperation): OperationOutcome {
  const { documents } = container;
  switch (operation.type) {
    case 'Read': {
      const document = requireVersion(documents.read(keyOf(operation)), undefined);
      const charge = readCharge(sizeOf(document));
      if (operation.ifNoneMatch === `"${document.etag}"`) return { status: 304, charge };
      return { status: 200, document, charge };
    }
    case 'Create': {
      const { key, content } = documentOf(container, operation);
      return inserted(container, documents.insert(key, content), content);
    }
    case 'Upsert': {
      const { key, content } = documentOf(container, operation);
      const before = documents.read(key);
      if (before === undefined) {
        if (operation.ifMatch !== undefined && operation.ifMatch !== '*') throw preconditionFailed();
        return inserted(container, documents.insert(key, content), content);
      }
      if (operation.ifNoneMatch === '*') throw conflict();
      return replaced(container, requireVersion(before, operation.ifMatch), content);
    }
    case 'Replace': {
      const { key, content } = documentOf(container, operation);
      if (operation.id !== undefined && operation.id !== key.id)
        throw badRequest('The id of a document cannot change.');
      return replaced(container, requireVersion(documents.read(key), operation.ifMatch), content);
    }
    case 'Patch': {
      const before = requireVersion(documents.read(keyOf(operation)), operation.ifMatch);
      const patch = patchOf(operation.body);
      if (patch.condition !== undefined && !documents.fulfils(before, patch.condition)) throw preconditionFailed();
      const body = applyPatch(JSON.parse(before.body) as Record<string, unknown>, patch);
      if (partitionKeyOf(body, container.definition.partitionKey.paths) !== operation.partition) {
        throw badRequest('A patch cannot change the partition key.');
      }
      return replaced(container, before, contentOf(body), patch.operations.length);
    }
    case 'Delete': {
      const before = requireVersion(documents.read(keyOf(operation)), operation.ifMatch);
      documents.remove(before);
      const terms = indexTerms(container.definition, JSON.parse(before.body)).length;
      return { status: 204, charge: writeCharge({ bytesBefore: sizeOf(before), terms }) };
    }
    default:
      throw badRequest(`Unknown operation ${String(operation.type)}.`);
  }
}

function inserted({ definition }: OpenContainer, document: StoredDocument, content: DocumentContent): OperationOutcome {
  const terms = indexTerms(definition, content.document).length;
  return { status: 201, document, charge: writeCharge({ bytesAfter: sizeOf(document), terms }) };
}

function replaced(
  { definition, documents }: OpenContainer,
  before: StoredDocument,
  content: DocumentContent,
  patchOperations = 0,
): OperationOutcome {
  const document = documents.update(before, content);
  const terms = changedTerms(indexTerms(definition, JSON.parse(before.body)), indexTerms(definition, content.document));
  const sizes = { bytesBefore: sizeOf(before), bytesAfter: sizeOf(document) };
  return { status: 200, document, charge: writeCharge({ ...sizes, terms, patchOperations }) };
}

const sizeOf = ({ body }: StoredDocument) => Buffer.byteLength(body);

function keyOf({ id, partition }: DocumentOperation): { id: string; partition: PartitionKey } {
  if (typeof id !== 'string') throw badRequest('The operation has no id.');
  if (partition === undefined) throw badRequest('PartitionKey value must be supplied for this operation.');
  return { id, partition };
}

/** Reads the document in the body of a request and checks it against the partition key of the request. */
function documentOf({ definition }: OpenContainer, { body, partition }: DocumentOperation) {
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw badRequest('The document is not a JSON object.');
  const document = withoutAdded(body as Record<string, unknown>);
  const id = documentId(document['id']);
  const own = partitionKeyOf(document, definition.partitionKey.paths);
  if (partition === undefined) throw badRequest('PartitionKey value must be supplied for this operation.');
  if (own !== partition) throw partitionKeyMismatch();
  return { key: { id, partition }, content: contentOf(document) };
}

function contentOf(document: Readonly<Record<string, unknown>>): DocumentContent {
  if (nestsDeeper(document, maxNesting)) throw badRequest(`The document is nested deeper than ${maxNesting} levels.`);
  const body = JSON.stringify(document);
  if (Buffer.byteLength(body) > maxDocumentBytes) throw tooLarge();
  return { body, document };
}

/** "Maximum length of an id: 1,023 bytes", without `/` and `\`, https://learn.microsoft.com/azure/cosmos-db/concepts-limits */
function documentId(id: unknown): string {
  if (typeof id !== 'string' || id === '')
    throw badRequest('The input content is invalid: the id of the document is missing or not a string.');
  if (Buffer.byteLength(id) > 1023 || /[/\\\0]/.test(id)) {
    throw badRequest('The id of the document is longer than 1,023 bytes or contains "/" or "\\".');
  }
  return id;
}

function nestsDeeper(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return false;
  return levels === 0 || Object.values(value).some((member) => nestsDeeper(member, levels - 1));
}

function patchOf(body: unknown): PatchBody {
  const patch = (Array.isArray(body) ? { operations: body } : body) as Partial<PatchBody> | null;
  const { operations, condition } = patch ?? {};
  const isOperation = (item: unknown) => typeof (item as PatchOperation | null)?.path === 'string';
  if (!Array.isArray(operations) || !operations.every(isOperation))
    throw badRequest('The patch is not an array of operations.');
  if (condition !== undefined && typeof condition !== 'string')
    throw badRequest('The condition of the patch is not a string.');
  return { operations, condition };
}
