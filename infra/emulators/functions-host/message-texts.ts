/*
 * The texts of a Get Messages answer. @azure/storage-queue decodes the five named references of XML and leaves numeric ones as
 * they are: a carriage return, which the service writes as `&#xD;`, and the text `&#xD;`, which it writes as `&amp;#xD;`, both
 * arrive as `&#xD;`. The real host decodes all of them. So the texts are read from the answer itself.
 * https://www.w3.org/TR/xml/#sec-references
 */

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * @param answer body of https://learn.microsoft.com/rest/api/storageservices/get-messages
 * @returns the text of each message, in the order of the answer
 */
export function messageTexts(answer: string): string[] {
  const elements = answer.matchAll(/<MessageText>([^<]*)<\/MessageText>|<MessageText\s*\/>/g);
  return Array.from(elements, ([, text = '']) => decoded(text));
}

function decoded(text: string): string {
  // Line ends that stand in the document itself are one line feed each (https://www.w3.org/TR/xml/#sec-line-ends).
  return text.replace(/\r\n?/g, '\n').replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) => {
    if (name !== undefined) return named[name] ?? all;
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
  });
}
