/** Ids of the right form that are nobody's. */
export const nobodys = (parameter: string, path: string): string => {
  const name = NAMES.find(([pattern]) => pattern.test(`${path} ${parameter}`))?.[1];
  if (name !== undefined) return name;
  const prefix = ID_PREFIXES.find(([pattern]) => pattern.test(`${path} ${parameter}`))?.[1];
  return prefix === undefined ? 'nothing' : `${prefix}_${'0'.repeat(31)}1`;
};
/** By path and parameter, the most specific first. */
const ID_PREFIXES: readonly (readonly [RegExp, string])[] = [
  [/versionId$/, 'ver'],
  [/grantId$/, 'grt'],
  [/linkId$/, 'lnk'],
  [/commentId$/, 'cmt'],
  [/deliveryId$/, 'whd'],
  [/labelId$/, 'lbl'],
  [/ruleId$/, 'rul'],
  [/driveId$/, 'wsp'],
  [/keyId$/, 'key'],
  [/groupId$/, 'grp'],
  [/invitationId$/, 'inv'],
  [/(userId|accountId|memberId)$/, 'usr'],
  [/workspaceId$/, 'wsp'],
  [/^\/v1\/(files|trash|shared|favourites).* id$/, 'file'],
  [/^\/v1\/(uploads|tus).* id$/, 'upl'],
  [/^\/v1\/webhooks.* id$/, 'whk'],
  [/^\/v1\/batches.* id$/, 'bat'],
  [/^\/v1\/workspaces.* id$/, 'wsp'],
  [/^\/v1\/auth\/sessions.* id$/, 'ses'],
  [/^\/v1\/auth\/grants.* id$/, 'ses'],
  [/^\/v1\/auth\/api-keys.* id$/, 'key'],
  [/^\/v1\/auth\/passkeys.* id$/, 'pky'],
  [/^\/v1\/admin\/users.* id$/, 'usr'],
  [/^\/v1\/admin\/oauth-clients.* id$/, 'cli'],
];

/** What is no id but one of a few words, so that a call is refused for nothing but who makes it. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/ task$/, 'feature-extraction'],
  [/ label$/, 'invoice'],
  [/^\/v1\/batches.* command$/, 'cancel'],
  [/^\/v1\/models.* command$/, 'pin'],
];
