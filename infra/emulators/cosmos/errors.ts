/** An error answer of Cosmos DB. */
export class CosmosError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export const badRequest = (message: string) => new CosmosError(400, 'BadRequest', message);
export const unauthorized = (message: string) => new CosmosError(401, 'Unauthorized', message);
export const notFound = (message = 'Entity with the specified id does not exist in the system.') =>
  new CosmosError(404, 'NotFound', message);
export const conflict = () =>
  new CosmosError(409, 'Conflict', 'Entity with the specified id already exists in the system.');
export const preconditionFailed = () =>
  new CosmosError(
    412,
    'PreconditionFailed',
    'Operation cannot be performed because one of the specified precondition is not met.',
  );
export const tooLarge = () => new CosmosError(413, 'RequestEntityTooLarge', 'Request size is too large.');
/** Clients recognize a wrong partition key by the substatus 1001. */
export const partitionKeyMismatch = () =>
  new CosmosError(
    400,
    'BadRequest',
    "PartitionKey extracted from document doesn't match the one specified in the header.",
    { 'x-ms-substatus': '1001' },
  );
