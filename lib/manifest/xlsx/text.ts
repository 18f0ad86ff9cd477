/** Collects the text of a shared or inline string: of its runs, and not of what tells how it is pronounced. */
export interface TextCollector {
  open(name: string): void;
  text(text: string): void;
  close(name: string): void;
  /** The text so far, as the cell shows it. Begins the next one. */
  take(): string;
}

export function createTextCollector(): TextCollector {
  let collected = '';
  let isText = false;
  /** Within `rPh`, the phonetic reading of East Asian text. */
  let isPhonetic = false;
  return {
    open(name) {
      if (name === 'rPh') isPhonetic = true;
      else if (name === 't') isText = !isPhonetic;
    },
    text(text) {
      if (isText) collected += text;
    },
    close(name) {
      if (name === 'rPh') isPhonetic = false;
      else if (name === 't') isText = false;
    },
    take() {
      const text = unescaped(collected);
      collected = '';
      return text;
    },
  };
}

/**
 * The text without the escapes of ST_Xstring (ECMA-376, part 1, 22.9.2.19): `_x000D_` is a carriage return. A zero byte
 * becomes U+FFFD, which the row reader refuses: the file as a whole stays text.
 */
export function unescaped(text: string): string {
  if (!text.includes('_x') && !text.includes('_X')) return text;
  return text.replace(/_[xX]([0-9A-Fa-f]{4})_/g, (_, code: string) =>
    code === '0000' ? '\ufffd' : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
