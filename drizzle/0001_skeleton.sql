CREATE SCHEMA "ai";
--> statement-breakpoint
CREATE SCHEMA "auth";
--> statement-breakpoint
CREATE SCHEMA "storage";
--> statement-breakpoint
CREATE TABLE "ai"."analyses" (
	"version_id" uuid PRIMARY KEY NOT NULL,
	"file_id" uuid NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"reason" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"lease_until" timestamp (3) with time zone,
	"lease_token" uuid,
	"content_type" text,
	"language" text,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"embedding_model" text,
	"chunk_count" integer DEFAULT 0 NOT NULL,
	"word_count" integer DEFAULT 0 NOT NULL,
	"truncated" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ai"."chunks" (
	"version_id" uuid NOT NULL,
	"index" integer NOT NULL,
	"start_offset" integer NOT NULL,
	"end_offset" integer NOT NULL,
	"page" integer,
	"text" text NOT NULL,
	"lexemes" "tsvector" NOT NULL,
	"length" integer NOT NULL,
	CONSTRAINT "chunks_version_id_index_pk" PRIMARY KEY("version_id","index")
);
--> statement-breakpoint
CREATE TABLE "ai"."cursors" (
	"name" text PRIMARY KEY NOT NULL,
	"transaction_id" "xid8" NOT NULL,
	"event_id" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ai"."embeddings" (
	"model" text NOT NULL,
	"version_id" uuid NOT NULL,
	"index" integer NOT NULL,
	"embedding" vector(384) NOT NULL,
	CONSTRAINT "embeddings_version_id_index_model_pk" PRIMARY KEY("version_id","index","model")
);
--> statement-breakpoint
CREATE TABLE "auth"."refresh_tokens" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"session_id" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"spent_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "auth"."sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"user_agent" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "auth"."users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"name" text,
	"password_hash" text NOT NULL,
	"disabled_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "storage"."files" (
	"id" uuid PRIMARY KEY NOT NULL,
	"owner_id" uuid NOT NULL,
	"parent_id" uuid,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"name_key" text NOT NULL,
	"current_version_id" uuid,
	"version_count" integer DEFAULT 0 NOT NULL,
	"trashed_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "files_kind" CHECK ("storage"."files"."kind" in ('file', 'folder')),
	CONSTRAINT "files_has_version" CHECK (("storage"."files"."kind" = 'file') = ("storage"."files"."current_version_id" is not null))
);
--> statement-breakpoint
CREATE TABLE "storage"."outbox" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "storage"."outbox_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"transaction_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"type" text NOT NULL,
	"file_id" uuid NOT NULL,
	"version_id" uuid,
	"payload" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "storage"."versions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"file_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"object_key" text NOT NULL,
	"size" bigint NOT NULL,
	"sha256" text NOT NULL,
	"content_type" text NOT NULL,
	"created_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "ai"."chunks" ADD CONSTRAINT "chunks_version_id_analyses_version_id_fk" FOREIGN KEY ("version_id") REFERENCES "ai"."analyses"("version_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ai"."embeddings" ADD CONSTRAINT "embeddings_version_id_index_chunks_version_id_index_fk" FOREIGN KEY ("version_id","index") REFERENCES "ai"."chunks"("version_id","index") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "auth"."refresh_tokens" ADD CONSTRAINT "refresh_tokens_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "auth"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "auth"."sessions" ADD CONSTRAINT "sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "auth"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."files" ADD CONSTRAINT "files_parent_id_files_id_fk" FOREIGN KEY ("parent_id") REFERENCES "storage"."files"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."files" ADD CONSTRAINT "files_current_version_id_versions_id_fk" FOREIGN KEY ("current_version_id") REFERENCES "storage"."versions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "storage"."versions" ADD CONSTRAINT "versions_file_id_files_id_fk" FOREIGN KEY ("file_id") REFERENCES "storage"."files"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "analyses_due_idx" ON "ai"."analyses" USING btree ("next_attempt_at") WHERE "ai"."analyses"."status" in ('pending', 'processing');--> statement-breakpoint
CREATE INDEX "analyses_file_id_idx" ON "ai"."analyses" USING btree ("file_id");--> statement-breakpoint
CREATE INDEX "chunks_lexemes_idx" ON "ai"."chunks" USING gin ("lexemes");--> statement-breakpoint
CREATE INDEX "embeddings_hnsw_idx" ON "ai"."embeddings" USING hnsw ("embedding" vector_cosine_ops);--> statement-breakpoint
CREATE INDEX "refresh_tokens_session_id_idx" ON "auth"."refresh_tokens" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "sessions_user_id_idx" ON "auth"."sessions" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "users_email_key" ON "auth"."users" USING btree (lower("email"));--> statement-breakpoint
CREATE UNIQUE INDEX "files_sibling_name_key" ON "storage"."files" USING btree ("owner_id",coalesce("parent_id", "owner_id"),"name_key") WHERE "storage"."files"."trashed_at" is null;--> statement-breakpoint
CREATE INDEX "files_parent_id_idx" ON "storage"."files" USING btree ("parent_id","id");--> statement-breakpoint
CREATE INDEX "files_root_idx" ON "storage"."files" USING btree ("owner_id","id") WHERE "storage"."files"."parent_id" is null;--> statement-breakpoint
CREATE INDEX "outbox_order_idx" ON "storage"."outbox" USING btree ("transaction_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "versions_file_id_number_key" ON "storage"."versions" USING btree ("file_id","number");--> statement-breakpoint
CREATE INDEX "versions_object_key_idx" ON "storage"."versions" USING btree ("object_key");