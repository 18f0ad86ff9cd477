/** An error answer of Key Vault. https://learn.microsoft.com/azure/key-vault/general/rest-error-codes */
export class VaultError extends Error {
  override readonly name = 'VaultError';
  readonly status: number;
  readonly code: string;
  /** The more specific code, `innererror.code`. */
  readonly inner: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    { inner, headers = {} }: { inner?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.inner = inner;
    this.headers = headers;
  }

  toResponse(): Response {
    const { status, code, message, inner, headers } = this;
    const error = { code, message, ...(inner === undefined ? {} : { innererror: { code: inner } }) };
    return Response.json({ error }, { status, headers });
  }
}

export const badParameter = (message: string) => new VaultError(400, 'BadParameter', message);

export const keyNotFound = (name: string) =>
  new VaultError(404, 'KeyNotFound', `A key with (name/id) ${name} was not found in this key vault.`);
