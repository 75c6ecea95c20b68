/** Whether one of the whole types, `text/*`, `text/x-*` or `*` covers the media type. */
export function isFor(mediaTypes: readonly string[], contentType: string): boolean {
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  return mediaTypes.some((wanted) => {
    if (wanted === '*' || wanted === '*/*') return true;
    return wanted.endsWith('*') ? type.startsWith(wanted.slice(0, -1)) : wanted === type;
  });
}
