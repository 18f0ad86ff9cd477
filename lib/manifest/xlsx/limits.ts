import { FleetError } from '../../errors.ts';

/*
 * What a workbook may use. Each limit holds while the bytes are unpacked, whatever the archive says about itself.
 *
 * "Excel" is https://support.microsoft.com/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3,
 * "POI" is https://poi.apache.org/apidocs/dev/org/apache/poi/openxml4j/util/ZipSecureFile.html, the guard of the reader that
 * most servers use.
 */
export const limits = {
  /** Bytes of the file: as much as the HTTP API takes. */
  fileBytes: 100 * 1024 * 1024,
  /** Parts in the archive (POI: 1000). */
  parts: 1000,
  /** Unpacked bytes per packed byte, for a part of more than `ratioFrom` bytes (POI: 100, from 100 KiB). */
  ratio: 100,
  ratioFrom: 100 * 1024,
  /** Unpacked bytes of a part that describes the workbook or its styles. */
  smallPartBytes: 8 * 1024 * 1024,
  /** Unpacked bytes of the sheet, or of the shared texts: a million rows of 20 columns. */
  largePartBytes: 1024 * 1024 * 1024,
  /** UTF-8 bytes of all shared texts. They are kept in memory, since a cell can name any of them. */
  textBytes: 64 * 1024 * 1024,
  /** Shared texts. Each takes 4 bytes beside its own. */
  texts: 4 * 1024 * 1024,
  /** Unpacked bytes without the beginning or end of an element: one text, name or comment. */
  tokenBytes: 1024 * 1024,
  /** Elements within elements. A workbook has less than 20. */
  depth: 64,
  /** Rows of a sheet (Excel). */
  rows: 1_048_576,
  /** Columns that may have values: the header of a manifest has room for a thousand names. */
  columns: 1024,
  /** Number formats of a workbook (Excel: 200 to 250). */
  numberFormats: 1000,
  /** Bytes of the table, as text. */
  tableBytes: 512 * 1024 * 1024,
} as const;

/** The error of a workbook that is not what it should be. @param message what was found and what to do */
export function badWorkbook(
  message: string,
  details: { line?: number; value?: string; cause?: unknown } = {},
): FleetError {
  return new FleetError('manifest-workbook', message, {
    expected: 'an .xlsx workbook without macros and links',
    ...details,
  });
}

/** The error of a workbook that is over a limit. */
export function tooLarge(what: string, most: string, line?: number): FleetError {
  const message = `${what}. Expected at most ${most}. Save the sheet as CSV UTF-8, or split the list.`;
  return new FleetError('manifest-too-large', message, {
    expected: `at most ${most}`,
    ...(line !== undefined && { line }),
  });
}

/** Bytes as a person reads them. */
export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}
