import { TextDecoder } from 'node:util';
import { SaxesParser } from 'saxes';
import { FleetError } from '../../errors.ts';
import { badWorkbook, limits, mebibytes, tooLarge } from './limits.ts';
import type { Part } from './package.ts';

/** Names are local names: a writer may use any prefix, and the strict variant of the standard has other namespaces. */
export interface XmlHandlers {
  open(name: string, attributes: Attributes): void;
  text?(text: string): void;
  close?(name: string): void;
}

export type Attributes = Readonly<Record<string, string>>;

/**
 * Parses a part as a stream, and yields after each piece of it, so that the caller can take what its handlers collected.
 * No document type and no entities but the five of XML; memory is bounded by `limits`.
 * @throws FleetError `manifest-workbook`, `manifest-too-large`, and any error that a handler throws
 */
export async function* parseXml(part: Part, handlers: XmlHandlers): AsyncGenerator<undefined> {
  const parser = new SaxesParser({ position: false });
  let decoder: TextDecoder | undefined;
  let depth = 0;
  /** Characters since an element began or ended. */
  let open = 0;

  parser.on('xmldecl', ({ encoding = 'utf-8' }) => {
    if (!/^(?:utf-?8|utf-?16(?:le|be)?|us-ascii)$/i.test(encoding)) throw notXml(part, `its encoding is ${encoding}`);
  });
  parser.on('doctype', () => {
    throw notXml(part, 'it has a document type, which a workbook must not have');
  });
  parser.on('opentag', ({ name, attributes }) => {
    open = 0;
    depth += 1;
    if (depth > limits.depth)
      throw tooLarge(`The part ${part.name} has elements nested too deep`, `${limits.depth} levels`);
    handlers.open(localName(name), attributes as Attributes);
  });
  parser.on('closetag', ({ name }) => {
    open = 0;
    depth -= 1;
    handlers.close?.(localName(name));
  });
  if (handlers.text !== undefined) {
    const onText = handlers.text;
    parser.on('text', onText);
    parser.on('cdata', onText);
  }

  /** @param piece undefined behind the last one */
  function write(piece?: Buffer): void {
    try {
      if (piece !== undefined) decoder ??= new TextDecoder(encodingOf(piece), { fatal: true });
      const text = decoder?.decode(piece, { stream: piece !== undefined }) ?? '';
      // Before it is parsed: the parser keeps an attribute or text until it ends.
      if (open > limits.tokenBytes) {
        const most = mebibytes(limits.tokenBytes);
        throw tooLarge(`The part ${part.name} has a text of more than ${most}`, most);
      }
      open += text.length;
      parser.write(text);
      if (piece === undefined) parser.close();
    } catch (error) {
      if (error instanceof FleetError) throw error;
      throw notXml(part, error instanceof Error ? error.message.replace(/\.$/, '') : 'it cannot be parsed', error);
    }
  }

  // Errors of the content itself pass.
  for await (const piece of part.content) {
    write(piece);
    yield undefined;
  }
  write();
  yield undefined;
}

/** Parses a part to its end. */
export async function readXml(part: Part, handlers: XmlHandlers): Promise<void> {
  for await (const _ of parseXml(part, handlers));
}

/** The value of an attribute that may have a prefix, such as `r:id`. */
export function prefixed(attributes: Attributes, name: string): string | undefined {
  const key = Object.keys(attributes).find((written) => localName(written) === name);
  return key === undefined ? undefined : attributes[key];
}

/** True for a boolean attribute that is set (XML Schema: `1` or `true`). */
export function isSet(value: string | undefined): boolean {
  return value === '1' || value === 'true';
}

function localName(name: string): string {
  const colon = name.indexOf(':');
  return colon === -1 ? name : name.slice(colon + 1);
}

function encodingOf(head: Buffer): string {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  return head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : 'utf-8';
}

function notXml({ name }: Part, why: string, cause?: unknown): FleetError {
  const message = `The part ${name} of the workbook is not valid: ${why}. Save it again in the spreadsheet, and send it again.`;
  return badWorkbook(message, { cause });
}
