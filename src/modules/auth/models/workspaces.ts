import { z } from '@hono/zod-openapi';
import { idPattern } from '../../../core/database/columns.ts';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import { pageSchema } from './pages.ts';
import { roleNameSchema } from './roles.ts';
import { emailSchema } from './sign-in.ts';
import { userIdSchema } from './users.ts';

export const workspaceIdSchema = z.string().regex(idPattern('wsp'), 'must be a workspace id, wsp_…');
export const groupIdSchema = z.string().regex(idPattern('grp'), 'must be a group id, grp_…');
export const invitationIdSchema = z.string().regex(idPattern('inv'), 'must be an invitation id, inv_…');
const nameSchema = plainTextSchema.trim().min(1).max(100);

export const workspaceParamsSchema = z.object({ id: workspaceIdSchema });
export const memberParamsSchema = z.object({ id: workspaceIdSchema, userId: userIdSchema });
export const groupParamsSchema = z.object({ id: workspaceIdSchema, groupId: groupIdSchema });
export const groupMemberParamsSchema = z.object({
  id: workspaceIdSchema,
  groupId: groupIdSchema,
  userId: userIdSchema,
});
export const invitationParamsSchema = z.object({ id: workspaceIdSchema, invitationId: invitationIdSchema });

export const workspaceInputSchema = z.strictObject({ name: nameSchema }).openapi('WorkspaceInput');
export const workspaceSchema = z
  .object({
    id: workspaceIdSchema,
    name: z.string(),
    /** The caller's role in it. */
    role: z.string(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Workspace');
export type Workspace = z.infer<typeof workspaceSchema>;
export const workspacePageSchema = pageSchema(workspaceSchema).openapi('WorkspacePage');

export const memberSchema = z
  .object({
    userId: userIdSchema,
    kind: z.enum(['person', 'service']),
    name: z.string().nullable(),
    /** Null unless the caller may manage members, and for service accounts. */
    email: z.string().nullable(),
    role: z.string(),
    joinedAt: z.iso.datetime(),
  })
  .openapi('Member');
export type Member = z.infer<typeof memberSchema>;
export const memberPageSchema = pageSchema(memberSchema).openapi('MemberPage');
export const memberInputSchema = z.strictObject({ role: roleNameSchema }).openapi('MemberInput');
export const transferSchema = z.strictObject({ userId: userIdSchema }).openapi('OwnershipTransfer');

export const groupInputSchema = z.strictObject({ name: nameSchema }).openapi('GroupInput');
export const groupSchema = z
  .object({
    id: groupIdSchema,
    workspaceId: workspaceIdSchema,
    name: z.string(),
    createdAt: z.iso.datetime(),
  })
  .openapi('Group');
export type Group = z.infer<typeof groupSchema>;
export const groupPageSchema = pageSchema(groupSchema).openapi('GroupPage');
export const groupMemberSchema = z
  .object({ userId: userIdSchema, name: z.string().nullable(), addedAt: z.iso.datetime() })
  .openapi('GroupMember');
export type GroupMember = z.infer<typeof groupMemberSchema>;
export const groupMemberPageSchema = pageSchema(groupMemberSchema).openapi('GroupMemberPage');

export const invitationInputSchema = z
  .strictObject({
    email: emailSchema,
    /** Ownership is given to members only, by somebody who has just proven who they are. */
    role: roleNameSchema.refine((role) => role !== 'owner', 'nobody is invited as an owner'),
  })
  .openapi('InvitationInput');
export const invitationSchema = z
  .object({
    id: invitationIdSchema,
    workspaceId: workspaceIdSchema,
    email: z.string(),
    role: z.string(),
    invitedBy: userIdSchema,
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
  })
  .openapi('Invitation');
export type Invitation = z.infer<typeof invitationSchema>;
export const invitationPageSchema = pageSchema(invitationSchema).openapi('InvitationPage');
export const acceptInvitationSchema = z
  .strictObject({ token: z.string().min(1).max(512) })
  .openapi('AcceptInvitation');
