import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy } from '@fastify/busboy';
import { excerpt, FleetError } from '../../lib/errors.ts';

/** The file of a form. */
export interface FormFile {
  /** Without folders; empty when the form gives none. */
  readonly name: string;
  /** Media type, without parameters, in lower case. */
  readonly mediaType: string;
  /** Throws FleetError `request-invalid` at its end when the form holds more than this file, or is not whole. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Stops reading the form, when its file is not read. */
  discard(): void;
}

/** A second file or a field is refused by name, so nothing more is read of them than it takes to name them. */
const limits = { files: 2, fields: 1, parts: 3, fieldSize: 1024, headerPairs: 20, headerSize: 8 * 1024 };

const example = 'curl -F file=@list.csv';

/**
 * Reads a form with one file, as browsers and `curl -F` send it (RFC 7578), while the file is read.
 * @param contentType the header, with the boundary
 * @throws FleetError `request-invalid` when the form has no file, or something else before it
 */
export async function fileOfForm(contentType: string, body: AsyncIterable<Uint8Array>): Promise<FormFile> {
  const parser = parserOf(contentType);
  const source = Readable.from(body, { objectMode: false });
  let refusal: FleetError | undefined;
  const refuse = (message: string) => {
    refusal ??= invalid(message);
    source.destroy(refusal);
  };
  parser.on('field', (name) => refuse(fieldMessage(name)));
  for (const event of ['filesLimit', 'fieldsLimit', 'partsLimit'] as const) {
    parser.on(event, () => refuse('The form has several parts. Send one file.'));
  }

  return new Promise((resolve, reject) => {
    const whole = pipeline(source, parser).then(
      () => reject(refusal ?? invalid(`The form has no file. Send one, as with ${example}.`)),
      (error: unknown) => {
        const failure = refusal ?? (error instanceof FleetError ? error : notWhole(error));
        reject(failure);
        throw failure;
      },
    );
    whole.catch(() => undefined);
    let first: string | undefined;
    parser.on('file', (_field, stream, name = '', encoding = '', mediaType = '') => {
      // Without a listener, an error of a stream that is not read ends the process.
      stream.on('error', () => undefined);
      if (first !== undefined) {
        refuse(`The form has several files: ${quoted(first)} and ${quoted(name)}. Send one file per request.`);
        stream.resume();
        return;
      }
      first = name;
      // Busboy leaves the stream open when the request ends in the middle or is too long.
      whole.catch((error: Error) => stream.destroy(error));
      if (!/^(?:7bit|8bit|binary)$/.test(encoding)) {
        refuse(`The file has the Content-Transfer-Encoding ${quoted(encoding)}. Send it as it is.`);
        stream.resume();
        return;
      }
      resolve({
        name,
        mediaType: mediaType.toLowerCase(),
        body: fileBody(stream, { whole, source }),
        discard: () => void source.destroy(),
      });
    });
  });
}

/** The bytes of the file. The promise `whole` says afterwards whether the form was one. */
async function* fileBody(
  stream: Readable,
  { whole, source }: { whole: Promise<void>; source: Readable },
): AsyncGenerator<Uint8Array> {
  try {
    for await (const part of stream as AsyncIterable<Uint8Array>) yield part;
    await whole;
  } catch (error) {
    // The error of the stream says that it ended; the promise says why.
    await whole;
    throw notWhole(error);
  } finally {
    source.destroy();
  }
}

/** @throws FleetError `request-invalid` when the header has no boundary */
function parserOf(contentType: string) {
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits });
  } catch (cause) {
    const message = `The Content-Type of the form has no boundary. Let the client write the header, as ${example} does.`;
    throw new FleetError('request-invalid', message, { column: 'content-type', cause });
  }
}

function fieldMessage(name: string): string {
  const found = `The form has the field ${quoted(name)}.`;
  const parameters = 'Send enrollmentGroup and onConflict as parameters of the URL';
  return `${found} Expected one file and nothing else. ${parameters}, and the list as a file: ${example}.`;
}

function notWhole(cause: unknown): FleetError {
  return invalid('The form is not whole: its last boundary is missing, or one of its parts is damaged.', cause);
}

function invalid(message: string, cause?: unknown): FleetError {
  return new FleetError('request-invalid', message, { column: '(body)', cause });
}

function quoted(text: string): string {
  return JSON.stringify(excerpt(text));
}
