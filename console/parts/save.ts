import { update } from '../store.ts';
import { problemOf } from './basic.ts';

/** Saves a file that a request brings, as a download of the browser. A failure is said in the line at the bottom. */
export async function save(file: () => Promise<{ readonly blob: Blob; readonly name: string }>): Promise<void> {
  try {
    const { blob, name } = await file();
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    // The browser has begun to read it by then.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    update({ notice: { text: `Saved ${name}.` } });
  } catch (error) {
    const { detail, hint = '', title = '', traceId = '' } = problemOf(error);
    update({ notice: { text: `${detail} ${hint} ${title} ${traceId}`.trim(), failed: true } });
  }
}
