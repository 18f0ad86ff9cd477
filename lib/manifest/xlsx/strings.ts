import { limits, mebibytes, tooLarge } from './limits.ts';
import type { Part } from './package.ts';
import { createTextCollector } from './text.ts';
import { parseXml } from './xml.ts';

/** The shared texts of a workbook, by position from 0. */
export interface SharedStrings {
  /** @returns undefined when there is no such text */
  at(index: number): string | undefined;
}

/**
 * Reads the table of shared texts (ECMA-376, part 1, 18.4). It is kept as UTF-8 in one piece, with the place where each text
 * ends: a million strings of JavaScript would take five times the memory.
 * @param part absent for a workbook without such texts
 * @throws FleetError `manifest-too-large`, `manifest-workbook`
 */
export async function readSharedStrings(part: Part | undefined): Promise<SharedStrings> {
  let bytes = Buffer.alloc(64 * 1024);
  let ends = new Uint32Array(1024);
  let count = 0;
  let used = 0;

  function add(text: string): void {
    const end = used + Buffer.byteLength(text);
    if (end > limits.textBytes) {
      throw tooLarge(`The workbook has more than ${mebibytes(limits.textBytes)} of text`, mebibytes(limits.textBytes));
    }
    if (count === limits.texts)
      throw tooLarge(`The workbook has more than ${limits.texts} texts`, `${limits.texts} texts`);
    while (end > bytes.length) bytes = Buffer.concat([bytes], bytes.length * 2);
    if (count === ends.length) {
      const larger = new Uint32Array(ends.length * 2);
      larger.set(ends);
      ends = larger;
    }
    bytes.write(text, used);
    used = end;
    ends[count] = end;
    count += 1;
  }

  if (part !== undefined) {
    const collector = createTextCollector();
    const handlers = {
      open: collector.open,
      text: collector.text,
      close(name: string) {
        collector.close(name);
        if (name === 'si') add(collector.take());
      },
    };
    for await (const _ of parseXml(part, handlers));
  }
  return {
    at: (index) => (index < count ? bytes.toString('utf8', index === 0 ? 0 : ends[index - 1], ends[index]) : undefined),
  };
}
