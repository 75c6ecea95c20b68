CREATE TABLE "storage"."changes" (
	"principal_id" uuid NOT NULL,
	"transaction_id" "xid8" NOT NULL,
	"event_id" bigint NOT NULL,
	CONSTRAINT "changes_principal_id_transaction_id_event_id_pk" PRIMARY KEY("principal_id","transaction_id","event_id")
);
--> statement-breakpoint
CREATE TABLE "storage"."comments" (
	"id" uuid PRIMARY KEY NOT NULL,
	"file_id" uuid NOT NULL,
	"author_id" uuid NOT NULL,
	"text" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "storage"."cursors" (
	"name" text PRIMARY KEY NOT NULL,
	"transaction_id" "xid8" NOT NULL,
	"event_id" bigint NOT NULL,
	"lease_token" uuid,
	"lease_until" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "storage"."drives" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"generation" bigint DEFAULT 1 NOT NULL,
	"used_bytes" bigint DEFAULT 0 NOT NULL,
	"reserved_bytes" bigint DEFAULT 0 NOT NULL,
	"entry_count" bigint DEFAULT 0 NOT NULL,
	"quota_bytes" bigint,
	"quota_entries" bigint,
	"keep_versions" integer,
	"keep_version_days" integer,
	"trash_days" integer,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "storage"."favourites" (
	"user_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "favourites_user_id_file_id_pk" PRIMARY KEY("user_id","file_id")
);
--> statement-breakpoint
CREATE TABLE "storage"."grants" (
	"id" uuid PRIMARY KEY NOT NULL,
	"file_id" uuid NOT NULL,
	"principal_kind" text NOT NULL,
	"principal_id" uuid NOT NULL,
	"role" text NOT NULL,
	"granted_by" uuid NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "storage"."idempotency_keys" (
	"user_id" uuid NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"resource_id" uuid NOT NULL,
	"status" integer,
	"body" text,
	"location" text,
	"lease_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_user_id_key_pk" PRIMARY KEY("user_id","key")
);
--> statement-breakpoint
CREATE TABLE "storage"."links" (
	"id" uuid PRIMARY KEY NOT NULL,
	"file_id" uuid NOT NULL,
	"token_hash" text NOT NULL,
	"mode" text NOT NULL,
	"name" text,
	"password_hash" text,
	"max_downloads" integer,
	"downloads" integer DEFAULT 0 NOT NULL,
	"uses" bigint DEFAULT 0 NOT NULL,
	"last_used_at" timestamp (3) with time zone,
	"created_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "storage"."object_deletions" (
	"object_key" text PRIMARY KEY NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "storage"."objects" (
	"id" uuid PRIMARY KEY NOT NULL,
	"key" text NOT NULL,
	"size" bigint NOT NULL,
	"sha256" text,
	"etag" text NOT NULL,
	"announced_sha256" text,
	"encryption" text NOT NULL,
	"wrapped_key" text,
	"state" text DEFAULT 'live' NOT NULL,
	"state_reason" text,
	"verified_at" timestamp (3) with time zone,
	"scanned_at" timestamp (3) with time zone,
	"check_at" timestamp (3) with time zone,
	"check_attempts" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "storage"."orphans" (
	"object_key" text PRIMARY KEY NOT NULL,
	"size" bigint NOT NULL,
	"first_seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "storage"."previews" (
	"object_id" uuid NOT NULL,
	"variant" text NOT NULL,
	"preview_id" uuid,
	"reason" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "previews_object_id_variant_pk" PRIMARY KEY("object_id","variant")
);
--> statement-breakpoint
CREATE TABLE "storage"."scopes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"drive_id" uuid NOT NULL,
	"parent_id" uuid
);
--> statement-breakpoint
CREATE TABLE "storage"."uploads" (
	"id" uuid PRIMARY KEY NOT NULL,
	"door" text NOT NULL,
	"state" text DEFAULT 'active' NOT NULL,
	"reason" text,
	"user_id" uuid NOT NULL,
	"link_id" uuid,
	"drive_id" uuid NOT NULL,
	"parent_id" uuid,
	"target_id" uuid,
	"expected_version_id" uuid,
	"name" text NOT NULL,
	"conflict" text DEFAULT 'fail' NOT NULL,
	"content_type" text NOT NULL,
	"size" bigint,
	"reserved_bytes" bigint NOT NULL,
	"announced_sha256" text,
	"file_id" uuid NOT NULL,
	"version_id" uuid NOT NULL,
	"object_id" uuid NOT NULL,
	"object_key" text NOT NULL,
	"encryption" text NOT NULL,
	"wrapped_key" text,
	"store_upload_id" text,
	"part_bytes" bigint,
	"received_bytes" bigint DEFAULT 0 NOT NULL,
	"tail_key" text,
	"tail_bytes" bigint DEFAULT 0 NOT NULL,
	"tail_wrapped_key" text,
	"skipped_parts" integer[] DEFAULT '{}'::integer[] NOT NULL,
	"metadata" text,
	"lease_token" uuid,
	"lease_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "storage"."webhook_deliveries" (
	"id" uuid PRIMARY KEY NOT NULL,
	"webhook_id" uuid NOT NULL,
	"event_key" text NOT NULL,
	"type" text NOT NULL,
	"payload" jsonb NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"lease_token" uuid,
	"lease_until" timestamp (3) with time zone,
	"response_status" integer,
	"error" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"delivered_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "storage"."webhooks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"drive_id" uuid NOT NULL,
	"url" text NOT NULL,
	"sealed_secret" text NOT NULL,
	"events" text[] DEFAULT '{}'::text[] NOT NULL,
	"active" boolean DEFAULT true NOT NULL,
	"reason" text,
	"failures" integer DEFAULT 0 NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
DROP INDEX "storage"."files_root_idx";--> statement-breakpoint
DROP INDEX "storage"."versions_object_key_idx";--> statement-breakpoint
DROP INDEX "storage"."files_sibling_name_key";--> statement-breakpoint
DROP INDEX "storage"."files_parent_id_idx";--> statement-breakpoint
ALTER TABLE "storage"."files" RENAME COLUMN "owner_id" TO "drive_id";--> statement-breakpoint
ALTER TABLE "storage"."files" ADD COLUMN "scope_id" uuid;--> statement-breakpoint
ALTER TABLE "storage"."files" ADD COLUMN "size" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "storage"."files" ADD COLUMN "tags" text[] DEFAULT '{}'::text[] NOT NULL;--> statement-breakpoint
ALTER TABLE "storage"."files" ADD COLUMN "metadata" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "storage"."files" ADD COLUMN "created_by" uuid;--> statement-breakpoint
ALTER TABLE "storage"."files" ADD COLUMN "trash_root_id" uuid;--> statement-breakpoint
ALTER TABLE "storage"."files" ADD COLUMN "trashed_by" uuid;--> statement-breakpoint
ALTER TABLE "storage"."outbox" ADD COLUMN "drive_id" uuid;--> statement-breakpoint
ALTER TABLE "storage"."outbox" ADD COLUMN "scope_id" uuid;--> statement-breakpoint
ALTER TABLE "storage"."outbox" ADD COLUMN "actor_id" uuid;--> statement-breakpoint
ALTER TABLE "storage"."outbox" ADD COLUMN "audience" uuid[];--> statement-breakpoint
ALTER TABLE "storage"."versions" ADD COLUMN "drive_id" uuid;--> statement-breakpoint
ALTER TABLE "storage"."versions" ADD COLUMN "object_id" uuid;--> statement-breakpoint
ALTER TABLE "storage"."versions" ADD COLUMN "announced_type" text;--> statement-breakpoint
ALTER TABLE "storage"."versions" ADD COLUMN "label" text;--> statement-breakpoint
ALTER TABLE "storage"."changes" ADD CONSTRAINT "changes_event_id_outbox_id_fk" FOREIGN KEY ("event_id") REFERENCES "storage"."outbox"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
-- What is there already: every owner has a drive, every key its object, every entry its place.
INSERT INTO storage.drives (id, kind) SELECT DISTINCT drive_id, 'person' FROM storage.files;--> statement-breakpoint
INSERT INTO storage.scopes (id, drive_id) SELECT id, id FROM storage.drives;--> statement-breakpoint
INSERT INTO storage.objects (id, key, size, sha256, etag, encryption, verified_at, created_at)
  SELECT DISTINCT ON (v.object_key) v.id, v.object_key, v.size, v.sha256, v.sha256, 'none', v.created_at, v.created_at
  FROM storage.versions v ORDER BY v.object_key, v.created_at;--> statement-breakpoint
UPDATE storage.versions v SET object_id = o.id, drive_id = f.drive_id
  FROM storage.objects o, storage.files f WHERE o.key = v.object_key AND f.id = v.file_id;--> statement-breakpoint
UPDATE storage.files f SET scope_id = f.drive_id, created_by = f.drive_id,
  size = coalesce((SELECT v.size FROM storage.versions v WHERE v.id = f.current_version_id), 0);--> statement-breakpoint
WITH RECURSIVE trashed (id, root_id, trashed_at) AS (
  SELECT f.id, f.id, f.trashed_at FROM storage.files f LEFT JOIN storage.files p ON p.id = f.parent_id
    WHERE f.trashed_at IS NOT NULL AND p.trashed_at IS DISTINCT FROM f.trashed_at
  UNION ALL
  SELECT f.id, t.root_id, f.trashed_at FROM storage.files f JOIN trashed t ON f.parent_id = t.id AND f.trashed_at = t.trashed_at
) UPDATE storage.files f SET trash_root_id = t.root_id FROM trashed t WHERE t.id = f.id;--> statement-breakpoint
UPDATE storage.drives d SET
  used_bytes = coalesce((SELECT sum(v.size) FROM storage.versions v WHERE v.drive_id = d.id), 0),
  entry_count = (SELECT count(*) FROM storage.files f WHERE f.drive_id = d.id);--> statement-breakpoint
ALTER TABLE "storage"."files" ADD COLUMN "place_id" uuid GENERATED ALWAYS AS (coalesce(parent_id, drive_id)) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "storage"."files" ALTER COLUMN "scope_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "storage"."files" ALTER COLUMN "created_by" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "storage"."versions" ALTER COLUMN "drive_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "storage"."versions" ALTER COLUMN "object_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "storage"."versions" DROP COLUMN "object_key";--> statement-breakpoint
ALTER TABLE "storage"."versions" DROP COLUMN "sha256";--> statement-breakpoint
ALTER TABLE "storage"."comments" ADD CONSTRAINT "comments_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "storage"."files"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."favourites" ADD CONSTRAINT "favourites_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "storage"."files"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."grants" ADD CONSTRAINT "grants_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "storage"."files"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."links" ADD CONSTRAINT "links_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "storage"."files"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."previews" ADD CONSTRAINT "previews_object_id_objects_id_fk" FOREIGN KEY ("object_id") REFERENCES "storage"."objects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."previews" ADD CONSTRAINT "previews_preview_id_objects_id_fk" FOREIGN KEY ("preview_id") REFERENCES "storage"."objects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."scopes" ADD CONSTRAINT "scopes_drive_id_drives_id_fk" FOREIGN KEY ("drive_id") REFERENCES "storage"."drives"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."scopes" ADD CONSTRAINT "scopes_parent_id_scopes_id_fk" FOREIGN KEY ("parent_id") REFERENCES "storage"."scopes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_webhook_id_webhooks_id_fk" FOREIGN KEY ("webhook_id") REFERENCES "storage"."webhooks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "changes_event_id_idx" ON "storage"."changes" USING btree ("event_id");--> statement-breakpoint
CREATE INDEX "comments_file_id_idx" ON "storage"."comments" USING btree ("file_id","id");--> statement-breakpoint
CREATE INDEX "favourites_file_id_idx" ON "storage"."favourites" USING btree ("file_id");--> statement-breakpoint
CREATE UNIQUE INDEX "grants_file_principal_key" ON "storage"."grants" USING btree ("file_id","principal_id");--> statement-breakpoint
CREATE INDEX "grants_principal_id_idx" ON "storage"."grants" USING btree ("principal_id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created_at_idx" ON "storage"."idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "links_token_hash_key" ON "storage"."links" USING btree ("token_hash");--> statement-breakpoint
CREATE INDEX "links_file_id_idx" ON "storage"."links" USING btree ("file_id");--> statement-breakpoint
CREATE INDEX "links_created_by_idx" ON "storage"."links" USING btree ("created_by","id");--> statement-breakpoint
CREATE INDEX "object_deletions_due_idx" ON "storage"."object_deletions" USING btree ("next_attempt_at");--> statement-breakpoint
CREATE UNIQUE INDEX "objects_key_key" ON "storage"."objects" USING btree ("key");--> statement-breakpoint
CREATE INDEX "objects_check_at_idx" ON "storage"."objects" USING btree ("check_at") WHERE "storage"."objects"."check_at" is not null;--> statement-breakpoint
CREATE INDEX "previews_preview_id_idx" ON "storage"."previews" USING btree ("preview_id");--> statement-breakpoint
CREATE INDEX "scopes_drive_id_idx" ON "storage"."scopes" USING btree ("drive_id");--> statement-breakpoint
CREATE INDEX "scopes_parent_id_idx" ON "storage"."scopes" USING btree ("parent_id");--> statement-breakpoint
CREATE UNIQUE INDEX "uploads_object_key_key" ON "storage"."uploads" USING btree ("object_key");--> statement-breakpoint
CREATE INDEX "uploads_user_id_idx" ON "storage"."uploads" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "uploads_expires_at_idx" ON "storage"."uploads" USING btree ("expires_at") WHERE "storage"."uploads"."state" = 'active';--> statement-breakpoint
CREATE INDEX "uploads_ended_idx" ON "storage"."uploads" USING btree ("expires_at") WHERE "storage"."uploads"."state" <> 'active';--> statement-breakpoint
CREATE UNIQUE INDEX "webhook_deliveries_event_key" ON "storage"."webhook_deliveries" USING btree ("webhook_id","event_key");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_due_idx" ON "storage"."webhook_deliveries" USING btree ("next_attempt_at") WHERE "storage"."webhook_deliveries"."state" = 'pending';--> statement-breakpoint
CREATE INDEX "webhooks_drive_id_idx" ON "storage"."webhooks" USING btree ("drive_id");--> statement-breakpoint
ALTER TABLE "storage"."files" ADD CONSTRAINT "files_drive_id_drives_id_fk" FOREIGN KEY ("drive_id") REFERENCES "storage"."drives"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."files" ADD CONSTRAINT "files_scope_id_scopes_id_fk" FOREIGN KEY ("scope_id") REFERENCES "storage"."scopes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."versions" ADD CONSTRAINT "versions_object_id_objects_id_fk" FOREIGN KEY ("object_id") REFERENCES "storage"."objects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "files_place_id_idx" ON "storage"."files" USING btree ("place_id","id");--> statement-breakpoint
CREATE INDEX "files_place_updated_idx" ON "storage"."files" USING btree ("place_id","updated_at","id");--> statement-breakpoint
CREATE INDEX "files_place_size_idx" ON "storage"."files" USING btree ("place_id","size","id");--> statement-breakpoint
CREATE INDEX "files_scope_id_idx" ON "storage"."files" USING btree ("scope_id");--> statement-breakpoint
CREATE INDEX "files_current_version_id_idx" ON "storage"."files" USING btree ("current_version_id");--> statement-breakpoint
CREATE INDEX "files_trash_idx" ON "storage"."files" USING btree ("trash_root_id") WHERE "storage"."files"."trashed_at" is not null;--> statement-breakpoint
CREATE INDEX "versions_object_id_idx" ON "storage"."versions" USING btree ("object_id");--> statement-breakpoint
CREATE INDEX "versions_drive_id_idx" ON "storage"."versions" USING btree ("drive_id");--> statement-breakpoint
CREATE UNIQUE INDEX "files_sibling_name_key" ON "storage"."files" USING btree ("place_id","name_key") WHERE "storage"."files"."trashed_at" is null;--> statement-breakpoint
CREATE INDEX "files_parent_id_idx" ON "storage"."files" USING btree ("parent_id");--> statement-breakpoint
ALTER TABLE "storage"."files" ADD CONSTRAINT "files_trash" CHECK (("storage"."files"."trashed_at" is null) = ("storage"."files"."trash_root_id" is null));